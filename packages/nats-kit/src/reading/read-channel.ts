import type { App, Channel, Contracts } from '@alarm-bus/contracts'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { ChannelReader } from './channel-reader.ts'
import type { ReadItem } from './read-item.ts'
import { type ReadOptions, resolveReadOptions } from './read-options.ts'

/** A reading under way. Leaving a `for await` ends it, and so does `return()`, also while it waits for a message. */
export interface ChannelReading<C extends Channel = Channel>
  extends AsyncIterableIterator<ReadItem<C>, void, void>, AsyncDisposable {
  return(): Promise<IteratorResult<ReadItem<C>, void>>
}

/**
 * Reads what is stored on a channel, and does not affect the apps that handle it: there is no consumer, nothing is acknowledged,
 * and nothing of it stays on the broker.
 *
 * - In the order of the stream, each message once. A broker that restarts, a lost connection and a leader that changes
 *   are waited for, without a limit of their own; the log says so once.
 * - What is stored on the subject and is no message of the channel is given as `invalid`, and what left the stream before
 *   it was read as `gap`. A message that was deleted on its own, or whose own time ended, leaves no trace: it is not told.
 * - Bounded: one batch of `maxMessages` and `maxBytes` is fetched when the one before is used up.
 *
 * Throws KitError `invalid_options` at once. The iterator rejects with `aborted` by the signal; `closed` when the
 * connection is closed; `permission_denied`; `stream_missing` for a stream that stays away for 30 s; `stream_different`
 * for one that does not allow direct gets; `stream_replaced` for one that was made again, or has lost messages.
 */
export function readChannel<C extends Channel>(
  connection: Connection,
  channel: C,
  options: ReadOptions & {
    readonly contracts: Contracts
    /** Given: only the channels that the app declares to read. */
    readonly app?: App
  },
): ChannelReading<C> {
  const { contracts, app, signal } = options
  const settings = resolveReadOptions(options)
  assertReadable(channel, contracts, app)
  const left = new AbortController()
  const ended = signal ? AbortSignal.any([signal, left.signal]) : left.signal
  const stream = contracts.streamOf(channel).name
  const items = new ChannelReader(connection, channel, stream, settings, ended).items()
  return {
    async next() {
      try {
        return await items.next()
      } catch (error) {
        if (left.signal.aborted) return DONE
        throw KitError.from(error)
      }
    },
    async return() {
      // A generator that waits would not return before what it waits for.
      left.abort()
      await items.return()
      return DONE
    },
    [Symbol.asyncIterator]() {
      return this
    },
    async [Symbol.asyncDispose]() {
      await this.return()
    },
  }
}

const DONE = { done: true, value: undefined } as const

function assertReadable(channel: Channel, contracts: Contracts, app: App | undefined): void {
  const name = JSON.stringify(channel.name)
  if (!contracts.channels.includes(channel))
    throw new KitError(KitErrorCode.InvalidOptions, `channel ${name} is not part of the contracts`)
  if (app && !app.reads.includes(channel)) {
    const why = `app ${JSON.stringify(app.name)} does not declare that it reads ${name}; add it to reads, then \`pnpm ops permissions\``
    throw new KitError(KitErrorCode.InvalidOptions, why)
  }
}
