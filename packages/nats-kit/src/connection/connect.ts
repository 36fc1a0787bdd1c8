import { setTimeout as sleep } from 'node:timers/promises'
import {
  AuthorizationError,
  connect as dial,
  InvalidArgumentError,
  type NatsConnection,
  UserAuthenticationExpiredError,
} from '@nats-io/transport-node'
import { errorText, KitError, KitErrorCode } from '../errors.ts'
import { type ConnectionState, KitEvents } from '../events.ts'
import { type Logger, safeLogger } from '../logger.ts'
import { inboxPrefixOf, toClientOptions } from './client-options.ts'
import type { Connection } from './connection.ts'
import { FrameWriter } from './frame-writer.ts'
import type { ConnectionOptions } from './options.ts'
import { watchStatus } from './watch-status.ts'

export interface ConnectContext {
  readonly logger: Logger
  readonly events?: KitEvents
  /** Ends the wait for a broker that is not there. */
  readonly signal?: AbortSignal
}

/**
 * Connects, and keeps trying while the broker is away; each failed attempt is logged. Once connected, it reconnects
 * for ever.
 *
 * @throws KitError `authentication_failed` at once when the broker refuses the credentials; `invalid_options` for
 * options that cannot work; `closed` when `signal` aborts.
 */
export async function connect(options: ConnectionOptions, context: ConnectContext): Promise<Connection> {
  const { events = new KitEvents(), signal } = context
  const logger = safeLogger(context.logger)
  const clientOptions = toClientOptions(options)
  const announce = (state: ConnectionState, reason: string): void => {
    events.emit('connectionStateChanged', { state, reason })
  }
  announce('connecting', 'connecting')
  for (let attempt = 1; ; attempt++) {
    if (signal?.aborted) throw new KitError(KitErrorCode.Closed, 'connecting was called off')
    try {
      const client = await dial(clientOptions)
      if (signal?.aborted) {
        await client.close()
        throw new KitError(KitErrorCode.Closed, 'connecting was called off')
      }
      logger.info(
        { event: 'connectionStateChanged', state: 'connected', server: client.getServer(), attempt },
        'NATS connected',
      )
      const connection = wrap(client, options, { logger, events })
      announce('connected', 'connected')
      return connection
    } catch (error) {
      if (error instanceof KitError) throw error
      if (isRefusal(error)) {
        throw new KitError(
          KitErrorCode.AuthenticationFailed,
          `NATS refused the credentials of ${JSON.stringify(options.name)}: ${errorText(error)}`,
          { cause: error },
        )
      }
      if (error instanceof InvalidArgumentError) {
        throw new KitError(KitErrorCode.InvalidOptions, errorText(error), { cause: error })
      }
      const delayMs = clientOptions.reconnectDelayHandler?.() ?? 2_000
      logger.warn(
        {
          event: 'connectFailed',
          attempt,
          servers: options.servers,
          error: errorText(error),
          retryInMs: Math.round(delayMs),
        },
        'NATS cannot be reached yet; trying again',
      )
      await sleep(delayMs, undefined, signal === undefined ? {} : { signal }).catch(() => undefined)
    }
  }
}

function isRefusal(error: unknown): boolean {
  if (error instanceof AuthorizationError || error instanceof UserAuthenticationExpiredError) return true
  return error instanceof Error && error.cause !== undefined && isRefusal(error.cause)
}

function wrap(
  client: NatsConnection,
  options: ConnectionOptions,
  { logger, events }: { readonly logger: Logger; readonly events: KitEvents },
): Connection {
  const frames = new FrameWriter(client)
  let state: ConnectionState = 'connected'
  let asked = false
  watchStatus(client, { events, logger, setState: (next) => (state = next) }).catch((error: unknown) => {
    const failure = KitError.from(error)
    logger.error({ event: 'exceptionOccurred', err: failure }, 'NATS client threw')
    events.emit('exceptionOccurred', { error: failure, during: 'reading the client’s notifications' })
  })
  const closed = client.closed().then((error): KitError | undefined => {
    state = 'closed'
    const failure = asked && !error ? undefined : closingError(error)
    logger[failure ? 'error' : 'info'](
      { event: 'connectionStateChanged', state, err: failure },
      'NATS connection closed',
    )
    if (failure) events.emit('exceptionOccurred', { error: failure, during: 'the connection' })
    events.emit('connectionStateChanged', { state, reason: failure?.message ?? 'closed' })
    return failure
  })
  return {
    client,
    frames,
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
      frames.flush()
      const flushed = state === 'connected' && (await settlesWithin(client.flush(), timeoutMs))
      await client.close()
      await closed
      return flushed
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
