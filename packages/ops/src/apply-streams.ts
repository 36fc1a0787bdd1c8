import { setTimeout as sleep } from 'node:timers/promises'
import type { Stream } from '@alarm-bus/contracts'
import {
  connect,
  type Connection,
  type ConnectionAuth,
  type ConnectionTls,
  ensureStreams,
  type FieldChange,
  KitError,
  KitErrorCode,
  type Logger,
} from '@alarm-bus/nats-kit'
import { planStreams } from './plan-streams.ts'

/** One field of a stream, in the server's own names and units. */
export interface FieldUpdate {
  readonly field: string
  readonly before: unknown
  readonly after: unknown
}

/** What was done to one stream, or with `dryRun` would be. `refused`: the server cannot make the change. */
export interface AppliedStream {
  readonly stream: string
  readonly action: 'none' | 'created' | 'updated' | 'refused'
  readonly changes: readonly FieldUpdate[]
}

export interface ApplyStreamsOptions {
  readonly streams: readonly Stream[]
  /** `nats://host:port`, without credentials. */
  readonly servers: readonly string[]
  readonly auth?: ConnectionAuth
  readonly tls?: ConnectionTls
  /** `apply` (default) creates and updates; `create` makes a difference an error. */
  readonly mode?: 'apply' | 'create'
  /** Copies of each stream. Not given: new streams get their declaration's, existing ones keep theirs. */
  readonly replicas?: number
  /** Look, and change nothing. */
  readonly dryRun?: boolean
  /** How long to wait for a broker that is away or not ready, in milliseconds. Default 30,000. */
  readonly waitMs?: number
  /** Told of each stream as soon as it is done, so that a later failure does not hide it. */
  readonly onApplied?: (applied: AppliedStream) => void
  /** Told of attempts to connect, among others. Default: silence. */
  readonly logger?: Logger
}

/** The client's name on the broker; its inbox prefix is the one that admin's permissions allow. */
const CLIENT_NAME = 'admin'
const RETRY_MS = 500
const CONNECT_TIMEOUT_MS = 2_000
const CLOSE_TIMEOUT_MS = 2_000

/**
 * Makes the broker's streams the declared ones, each with its companions: the dead letters and the idempotency claims.
 *
 * @returns one entry a stream, also for those that were right already.
 * @throws KitError `authentication_failed` at once; `broker_unavailable` when `waitMs` is over; else as `ensureStreams`.
 */
export async function applyStreams(options: ApplyStreamsOptions): Promise<readonly AppliedStream[]> {
  const deadline = performance.now() + (options.waitMs ?? 30_000)
  const connection = await connectBefore(deadline, options)
  try {
    return options.dryRun ? await look(connection, deadline, options) : await change(connection, deadline, options)
  } finally {
    await connection.close(CLOSE_TIMEOUT_MS)
  }
}

async function look(
  connection: Connection,
  deadline: number,
  options: ApplyStreamsOptions,
): Promise<readonly AppliedStream[]> {
  const plans = await untilAnswered(deadline, () => planStreams(connection, options.streams, options.replicas))
  const found = plans.map((plan): AppliedStream => {
    switch (plan.action) {
      case 'none':
        return { stream: plan.stream, action: 'none', changes: [] }
      case 'create':
        return { stream: plan.stream, action: 'created', changes: [] }
      case 'update':
        // The mode `create` would end here with an error.
        return {
          stream: plan.stream,
          action: options.mode === 'create' ? 'refused' : 'updated',
          changes: plan.changes.map(toUpdate),
        }
      case 'refuse':
        return { stream: plan.stream, action: 'refused', changes: plan.changes.map(toUpdate) }
    }
  })
  for (const applied of found) options.onApplied?.(applied)
  return found
}

async function change(
  connection: Connection,
  deadline: number,
  options: ApplyStreamsOptions,
): Promise<readonly AppliedStream[]> {
  // From the events, since a second attempt no longer sees what the first one did.
  const done = new Map<string, AppliedStream>()
  connection.events.on('streamChanged', ({ stream, action, changes }) => {
    const applied = { stream, action, changes: (changes as readonly FieldChange[]).map(toUpdate) }
    done.set(stream, applied)
    options.onApplied?.(applied)
  })
  const { mode = 'apply', replicas } = options
  const plans = await untilAnswered(deadline, () =>
    ensureStreams(connection, options.streams, { mode, ...(replicas === undefined ? {} : { replicas }) }),
  )
  return plans.map(({ stream }) => {
    const applied = done.get(stream)
    if (applied) return applied
    const untouched: AppliedStream = { stream, action: 'none', changes: [] }
    options.onApplied?.(untouched)
    return untouched
  })
}

function toUpdate({ field, live, declared }: FieldChange): FieldUpdate {
  // JSON has no undefined, and a field that is left out would look forgotten.
  return { field, before: live ?? null, after: declared ?? null }
}

async function connectBefore(deadline: number, options: ApplyStreamsOptions): Promise<Connection> {
  const { servers, auth, tls } = options
  let last = 'no answer'
  const quiet = options.logger ?? SILENT
  // The kit says in its log why an attempt failed; the last reason belongs into the error.
  const logger: Logger = {
    ...bound(quiet),
    warn(fields, message) {
      last = String((fields as { error?: unknown }).error ?? last)
      quiet.warn(fields, message)
    },
  }
  const timeLeftMs = Math.max(1, Math.round(deadline - performance.now()))
  try {
    return await connect(
      {
        servers,
        name: CLIENT_NAME,
        reconnectDelayMs: RETRY_MS,
        reconnectJitterMs: 0,
        connectTimeoutMs: Math.min(CONNECT_TIMEOUT_MS, timeLeftMs),
        ...(auth === undefined ? {} : { auth }),
        ...(tls === undefined ? {} : { tls }),
      },
      { logger, signal: AbortSignal.timeout(timeLeftMs) },
    )
  } catch (error) {
    if (!KitError.is(error, KitErrorCode.Closed)) throw error
    throw new KitError(
      KitErrorCode.BrokerUnavailable,
      `no broker at ${servers.join(', ')} within ${timeLeftMs} ms: ${last}`,
      { cause: error },
    )
  }
}

/** A broker that has just started answers clients before JetStream is ready, and a cluster elects its leader first. */
async function untilAnswered<T>(deadline: number, ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (!KitError.is(error, KitErrorCode.BrokerUnavailable) || performance.now() + RETRY_MS > deadline) throw error
      await sleep(RETRY_MS)
    }
  }
}

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** A logger may be an instance of a class, which a spread would leave without its methods. */
function bound(logger: Logger): Logger {
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  }
}
