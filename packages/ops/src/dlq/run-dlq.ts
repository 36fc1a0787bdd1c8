import { UsageError } from '@alarm-bus/command-line'
import { type Connection, KitError, KitErrorCode } from '@alarm-bus/nats-kit'
import {
  copiesWithoutReader,
  discardDeadLetters,
  listDeadLetters,
  redriveDeadLetters,
  showDeadLetter,
} from '@alarm-bus/nats-kit/admin'
import { readEnvironment } from '../config.ts'
import { connectAdmin, waitingSaid } from '../connect-admin.ts'
import { describeCopies } from '../consumers/describe-pruned.ts'
import { checkKnown } from './check-known.ts'
import { describeLetter, describeOutcome, describeStored, storedAsJson } from './describe-letter.ts'
import { type DlqCommand, readCommand } from './flags.ts'
import { JsonDocument } from './json-document.ts'

const CLOSE_TIMEOUT_MS = 2_000

/** The process's exit code: 0 when it is done or a dry run has shown what it would do, 1 when something failed. */
export async function runDlq(argv: readonly string[]): Promise<number> {
  const wantsJson = argv.includes('--json')
  // Opened late: a document that was begun has to be ended, and a usage error is one of its own.
  let document: JsonDocument | undefined
  try {
    const command = readCommand(argv)
    if (typeof command === 'string') {
      console.log(command)
      return 0
    }
    const config = readEnvironment(process.env)
    const connection = await connectAdmin(config, command.waitMs, waitingSaid('ops dlq', console.error))
    try {
      if (command.action === 'show') return await show(connection, command)
      if (command.json) document = new JsonDocument((text) => void process.stdout.write(text))
      return await ACTIONS[command.action](connection, command, document)
    } finally {
      await connection.close(CLOSE_TIMEOUT_MS)
    }
  } catch (error) {
    const { message } = error as Error
    const failure = { error: { code: codeOf(error), message } }
    // What was done before the failure stays done, so it is part of the answer.
    if (document) document.end(failure)
    else if (wantsJson) console.log(JSON.stringify(failure, null, 2))
    console.error(`ops dlq: ${message}${hintFor(error)}`)
    return 1
  }
}

async function show(connection: Connection, { stream, filter, json }: DlqCommand): Promise<number> {
  const letter = await showDeadLetter(connection, stream, filter.seq as number)
  if (!letter) throw new UsageError(`no dead letter ${filter.seq} in ${stream}; \`dlq list\` shows what exists`)
  if (json) console.log(JSON.stringify(storedAsJson(letter), null, 2))
  else for (const line of describeStored(letter)) console.log(line)
  return 0
}

type Run = (connection: Connection, command: DlqCommand, document: JsonDocument | undefined) => Promise<number>

const list: Run = async (connection, { stream, filter }, document) => {
  let count = 0
  for await (const letter of listDeadLetters(connection, stream, filter)) {
    count++
    if (document) document.item(letter)
    else console.log(describeLetter(letter))
  }
  if (count === 0) await checkKnown(connection, stream, filter)
  const waiting = (await copiesWithoutReader(connection, stream)).filter(
    ({ consumer }) => consumer === (filter.consumer ?? consumer),
  )
  if (document) document.end({ stream, count, redrivenWithoutReader: waiting })
  else if (count === 0) console.log('no dead letters')
  for (const one of document ? [] : waiting) console.log(describeCopies(one))
  return 0
}

const redrive: Run = async (connection, { stream, filter, apply, ratePerSecond, maxRedrives }, document) => {
  const { dryRun, redriven, finished, skipped } = await redriveDeadLetters(connection, stream, filter, {
    dryRun: !apply,
    ...(ratePerSecond === undefined ? {} : { ratePerSecond }),
    ...(maxRedrives === undefined ? {} : { maxRedrives }),
    onOutcome({ letter, ...outcome }) {
      if (document) document.item({ ...letter, ...outcome })
      else console.log(describeOutcome({ letter, ...outcome }, !apply))
    },
  })
  const left = Object.entries(skipped)
  if (redriven + finished + left.length === 0) await checkKnown(connection, stream, filter)
  if (document) document.end({ stream, dryRun, redriven, finished, skipped })
  else {
    const ended = finished === 0 ? '' : `, ${finished} ended that had been sent before`
    const reasons = left.map(([why, count]) => `${count} left (${why})`)
    console.log(
      [`${redriven} ${dryRun ? 'would be redriven' : 'redriven'}${ended}`, ...reasons].join(', ') + hint(dryRun),
    )
  }
  return skipped.refused === undefined ? 0 : 1
}

const discard: Run = async (connection, { stream, filter, apply }, document) => {
  const { dryRun, discarded } = await discardDeadLetters(connection, stream, filter, {
    dryRun: !apply,
    onDiscarded(letter) {
      if (document) document.item(letter)
      else console.log(describeLetter(letter))
    },
  })
  if (discarded === 0) await checkKnown(connection, stream, filter)
  if (document) document.end({ stream, dryRun, discarded })
  else console.log(`${discarded} ${dryRun ? 'would be discarded' : 'discarded'}${hint(dryRun)}`)
  return 0
}

const ACTIONS: Readonly<Record<Exclude<DlqCommand['action'], 'show'>, Run>> = { list, redrive, discard }

function hint(dryRun: boolean): string {
  return dryRun ? '; nothing was changed, --apply does it' : ''
}

function hintFor(error: unknown): string {
  if (KitError.is(error, KitErrorCode.StreamMissing)) return '; `pnpm ops apply` makes the streams'
  if (KitError.is(error, KitErrorCode.PermissionDenied))
    return '; dead letters are the admin’s (NATS_ADMIN_USER, NATS_ADMIN_PASSWORD)'
  return ''
}

function codeOf(error: unknown): string {
  return error instanceof UsageError ? 'usage' : KitError.from(error).code
}
