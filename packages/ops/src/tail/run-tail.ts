import { durationMs, newCommand, readCommandLine, UsageError, wholeNumber } from '@alarm-bus/command-line'
import { type Channel, contracts } from '@alarm-bus/contracts'
import { type Connection, KitError, KitErrorCode, readChannel, type ReadOptions } from '@alarm-bus/nats-kit'
import { JetStreamApiError, jetstreamManager } from '@nats-io/jetstream'
import { readEnvironment } from '../config.ts'
import { connectAdmin, waitingSaid } from '../connect-admin.ts'
import { ENVIRONMENT_HELP } from '../environment-help.ts'
import { fail } from '../plan/fail.ts'
import { onInterrupt } from '../plan/interrupts.ts'
import { type Terminal, terminal } from '../plan/terminal.ts'
import { describeItem, itemAsJson } from './describe-item.ts'

const CLOSE_TIMEOUT_MS = 2_000

const NOTES = `Reads what the streams hold. It makes no consumer and disturbs no app. Without
--since and --all it begins with what is stored from now on; Ctrl-C ends it.

Exit code 0, or 1 when something failed.
${ENVIRONMENT_HELP}`

/** The process's exit code: 0 when it was ended or all was shown, 1 when something failed. */
export async function runTail(argv: readonly string[], to: Terminal = terminal, ended?: AbortSignal): Promise<number> {
  const wantsJson = argv.includes('--json')
  try {
    const names = contracts.channels.map(({ name }) => name)
    const command = newCommand('pnpm ops tail', 'Shows messages as they are stored on channels.', NOTES)
      .argument('[channels...]', `one or more of: ${names.join(', ')}; default: every channel`)
      .option('--since <age>', 'begins with what was stored so long ago, such as 10m or 1h', durationMs)
      .option('--all', 'begins with the oldest message that is stored')
      .option('--no-follow', 'ends when all that is stored now was shown')
      .option('--limit <n>', 'ends after so many messages', wholeNumber(1))
      .option('--json', 'one JSON document a line')
      .option('--wait-ms <n>', 'waits this long for the broker', wholeNumber(0), 30_000)
    const help = readCommandLine(command, argv)
    if (help !== undefined) {
      to.say(help)
      return 0
    }
    const { since, all, follow, limit = Number.POSITIVE_INFINITY, waitMs } = command.opts()
    if (all && since !== undefined) throw new UsageError('--all and --since contradict each other')
    const channels = channelsOf(command.processedArgs[0], names)
    const stop = new AbortController()
    using _signals = onInterrupt(() => stop.abort())
    const signal = ended ? AbortSignal.any([ended, stop.signal]) : stop.signal
    const connection = await connectAdmin(
      readEnvironment(to.environment),
      waitMs,
      waitingSaid('ops tail', (line) => to.complain(line)),
    )
    try {
      let left = limit
      const show = async (channel: Channel): Promise<void> => {
        const from = all ? 'start' : since === undefined ? await fromNow(connection, channel) : ageOf(since)
        for await (const item of readChannel(connection, channel, { contracts, from, live: follow, signal })) {
          to.say(wantsJson ? JSON.stringify(itemAsJson(item)) : describeItem(item, to.hasColors ?? false))
          if (item.kind !== 'gap' && --left <= 0) return stop.abort()
        }
      }
      const reading = channels.map((channel) => show(channel))
      // One that fails ends the others.
      await Promise.all(reading).catch((error: unknown) => {
        stop.abort()
        throw error
      })
    } finally {
      await connection.close(CLOSE_TIMEOUT_MS)
    }
    return 0
  } catch (error) {
    if (KitError.is(error, KitErrorCode.Aborted)) return 0
    return fail(to, 'tail', error, wantsJson ? {} : undefined)
  }
}

function channelsOf(given: readonly string[], names: readonly string[]): readonly Channel[] {
  const unknown = given.find((name) => !names.includes(name))
  if (unknown !== undefined)
    throw new UsageError(`unknown channel ${JSON.stringify(unknown)}; expected one of: ${names.join(', ')}`)
  return contracts.channels.filter(({ name }) => given.length === 0 || given.includes(name))
}

function ageOf(since: number): ReadOptions['from'] {
  return { time: new Date(Date.now() - since) }
}

/** After the last sequence that the stream has now: the clock of the broker may be another one. */
async function fromNow(connection: Connection, channel: Channel): Promise<ReadOptions['from']> {
  const manager = await jetstreamManager(connection.client, { checkAPI: false })
  const { name } = contracts.streamOf(channel)
  try {
    const { state } = await manager.streams.info(name)
    return { sequence: state.last_seq + 1 }
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.status !== 404) throw error
    throw new UsageError(`stream ${name} is missing; \`pnpm ops apply\` makes it`, { cause: error })
  }
}
