import { UsageError } from '@alarm-bus/command-line'
import { contracts } from '@alarm-bus/contracts'
import { KitError, KitErrorCode } from '@alarm-bus/nats-kit'
import {
  copiesWithoutReader,
  type CopiesWithoutReader,
  type PrunedConsumer,
  pruneConsumers,
} from '@alarm-bus/nats-kit/admin'
import { readApps } from '../apps/read-apps.ts'
import { readEnvironment } from '../config.ts'
import { connectAdmin, waitingSaid } from '../connect-admin.ts'
import { describeCopies, describePruned } from './describe-pruned.ts'
import { readCommand } from './flags.ts'

const CLOSE_TIMEOUT_MS = 2_000

/** The process's exit code: 0 when it is done or a dry run has shown what it would do, 1 when something failed. */
export async function runConsumers(argv: readonly string[]): Promise<number> {
  const consumers: PrunedConsumer[] = []
  const wantsJson = argv.includes('--json')
  try {
    const command = readCommand(argv)
    if (typeof command === 'string') {
      console.log(command)
      return 0
    }
    const { apply, untagged, json, waitMs, idleMs, graceMs } = command
    const apps = command.apps ?? (await readApps()).map(({ name }) => name)
    let redrivenWithoutReader: readonly CopiesWithoutReader[] = []
    const connection = await connectAdmin(
      readEnvironment(process.env),
      waitMs,
      waitingSaid('ops consumers', console.error),
    )
    try {
      await pruneConsumers(connection, contracts, apps, {
        dryRun: !apply,
        untagged,
        ...(idleMs === undefined ? {} : { idleMs }),
        ...(graceMs === undefined ? {} : { graceMs }),
        onPruned(pruned) {
          consumers.push(pruned)
          if (!json) console.log(describePruned(pruned))
        },
      })
      const left = contracts.streams.map(({ name }) => copiesWithoutReader(connection, name))
      redrivenWithoutReader = (await Promise.all(left)).flat()
    } finally {
      await connection.close(CLOSE_TIMEOUT_MS)
    }
    if (json) console.log(JSON.stringify({ dryRun: !apply, apps, consumers, redrivenWithoutReader }, null, 2))
    else {
      console.log(summaryOf(consumers, apply))
      for (const one of redrivenWithoutReader) console.log(describeCopies(one))
    }
    return 0
  } catch (error) {
    const { message } = error as Error
    // What was done before the failure stays done, so it is part of the answer.
    if (wantsJson) console.log(JSON.stringify({ error: { code: codeOf(error), message }, consumers }, null, 2))
    const hint = KitError.is(error, KitErrorCode.PermissionDenied) ? '; consumers are pruned by the admin' : ''
    console.error(`ops consumers: ${message}${hint}`)
    return 1
  }
}

function summaryOf(consumers: readonly PrunedConsumer[], apply: boolean): string {
  const kept = consumers.filter(({ action }) => action === 'kept').length
  const others = consumers.length - kept
  if (consumers.length === 0) return 'every consumer has an owner'
  const done = apply ? `${others} removed` : `${others} would be removed`
  const hint = apply || others === 0 ? '' : '; nothing was changed, --apply does it'
  return `${done}, ${kept} kept${hint}`
}

function codeOf(error: unknown): string {
  return error instanceof UsageError ? 'usage' : KitError.from(error).code
}
