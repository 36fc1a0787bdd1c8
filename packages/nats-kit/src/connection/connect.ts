import { setTimeout as sleep } from 'node:timers/promises'
import type { NatsConnection } from '@nats-io/transport-node'
import { boundedMs } from '../checked-options.ts'
import { errorText, KitError, KitErrorCode } from '../errors.ts'
import { type ConnectionState, KitEvents } from '../events.ts'
import { type Logger, safeLogger } from '../logger.ts'
import { inboxPrefixOf, toClientOptions } from './client-options.ts'
import type { Connection } from './connection.ts'
import { dial, isRefusal } from './dial.ts'
import { FrameWriter } from './frame-writer.ts'
import type { ConnectionOptions } from './options.ts'
import { watchStatus } from './watch-status.ts'

export interface ConnectContext {
  readonly logger: Logger
  readonly events?: KitEvents
  /** Ends the wait for a broker that is not there. */
  readonly signal?: AbortSignal
}

/** A connection before it is open: what is made of it waits, as it does after a loss. */
export interface PreparedConnection {
  /** In state `connecting` until `open` resolves; its `client` and `frames` throw until then. */
  readonly connection: Connection
  /** Called once. @throws KitError as {@link connect}; the connection is `closed` then. */
  open(): Promise<void>
}

/**
 * Connects, and keeps trying while the broker is away; each failed attempt is logged. Once connected, it reconnects
 * for ever.
 *
 * @throws KitError `authentication_failed` at once when the broker refuses the credentials; `invalid_options` for
 * options that cannot work; `closed` when `signal` aborts.
 */
export async function connect(options: ConnectionOptions, context: ConnectContext): Promise<Connection> {
  const { connection, open } = prepareConnection(options, context)
  const { signal } = context
  const callOff = (): void => void connection.close(0)
  if (signal?.aborted) callOff()
  signal?.addEventListener('abort', callOff)
  try {
    await open()
  } finally {
    signal?.removeEventListener('abort', callOff)
  }
  return connection
}

/** Checks the options and opens nothing. @throws KitError `invalid_options`. */
export function prepareConnection(
  options: ConnectionOptions,
  context: Pick<ConnectContext, 'logger' | 'events'>,
): PreparedConnection {
  const { events = new KitEvents() } = context
  const logger = safeLogger(context.logger)
  const clientOptions = toClientOptions(options)
  const calledOff = new AbortController()
  let opened: { readonly client: NatsConnection; readonly frames: FrameWriter } | undefined
  let opening: Promise<unknown> = Promise.resolve()
  let state: ConnectionState = 'connecting'
  let asked = false
  let resolveClosed: (failure: KitError | undefined) => void
  const closed = new Promise<KitError | undefined>((resolve) => (resolveClosed = resolve))

  const end = (failure: KitError | undefined): void => {
    if (state === 'closed') return
    state = 'closed'
    if (failure) events.emit('exceptionOccurred', { error: failure, during: 'the connection' })
    events.emit('connectionStateChanged', { state, reason: failure?.message ?? 'closed' })
    resolveClosed(failure)
  }

  const open = async (): Promise<void> => {
    if (!calledOff.signal.aborted) {
      events.emit('connectionStateChanged', { state: 'connecting', reason: 'connecting' })
    }
    let client: NatsConnection | undefined
    try {
      client = await dial(options, clientOptions, { logger, signal: calledOff.signal })
      opened = { client, frames: new FrameWriter(client) }
    } catch (error) {
      await client?.close()
      const failure = KitError.from(error)
      end(calledOff.signal.aborted ? undefined : failure)
      throw failure
    }
    state = 'connected'
    watchStatus(client, { events, logger, setState: (next) => (state = next) }).catch((error: unknown) => {
      const failure = KitError.from(error)
      logger.error({ event: 'exceptionOccurred', err: failure }, 'NATS client threw')
      events.emit('exceptionOccurred', { error: failure, during: 'reading the client’s notifications' })
    })
    void client.closed().then((error) => {
      const failure = asked && !error ? undefined : closingError(error)
      logger[failure ? 'error' : 'info'](
        { event: 'connectionStateChanged', state: 'closed', err: failure },
        'NATS connection closed',
      )
      end(failure)
    })
    events.emit('connectionStateChanged', { state, reason: 'connected' })
  }

  const parts = (): NonNullable<typeof opened> => {
    if (opened) return opened
    throw new KitError(KitErrorCode.BrokerUnavailable, 'not connected to the broker yet; nothing was sent')
  }

  return {
    connection: {
      get client() {
        return parts().client
      },
      get frames() {
        return parts().frames
      },
      name: options.name,
      inboxPrefix: inboxPrefixOf(options),
      events,
      logger,
      get state() {
        return state
      },
      closed,
      async close(timeoutMs) {
        asked = true
        calledOff.abort()
        // A dial that is not answered ends by itself, later than this; nothing was begun that could be lost.
        if (!opened) await settlesWithin(opening, boundedMs(timeoutMs))
        if (!opened) {
          end(undefined)
          return true
        }
        const { client, frames } = opened
        frames.flush()
        const flushed = state === 'connected' && (await settlesWithin(client.flush(), boundedMs(timeoutMs)))
        await client.close()
        await closed
        return flushed
      },
    },
    open() {
      const started = open()
      opening = started
      return started
    },
  }
}

function closingError(error: unknown): KitError {
  const refused = isRefusal(error)
  return new KitError(
    refused ? KitErrorCode.AuthenticationFailed : KitErrorCode.Closed,
    refused
      ? `NATS no longer accepts this app's credentials: ${errorText(error)}`
      : `NATS connection closed for good: ${error ? errorText(error) : 'by the client'}`,
    error ? { cause: error } : {},
  )
}

/** Whether the promise resolves within the time; a rejection is a no. */
async function settlesWithin(promise: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const late = new AbortController()
  try {
    return await Promise.race([
      promise.then(
        () => true,
        () => false,
      ),
      sleep(timeoutMs, false, { signal: late.signal }).catch(() => false),
    ])
  } finally {
    late.abort()
  }
}
