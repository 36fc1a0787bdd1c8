import { type ConsumerConfig, type ConsumerInfo, JetStreamApiError, type JetStreamManager } from '@nats-io/jetstream'
import { KitError, KitErrorCode } from '../errors.ts'
import { JetStreamCode } from '../jetstream-codes.ts'
import type { Logger } from '../logger.ts'
import { unanswered } from '../streams/ensure-streams.ts'

/** What is compared on a consumer that exists. Where it began is history, and its description harmless. */
const COMPARED = [
  'filter_subject',
  'ack_policy',
  'ack_wait',
  'max_deliver',
  'max_ack_pending',
  'inactive_threshold',
  'deliver_subject',
  'deliver_group',
  'idle_heartbeat',
] as const satisfies readonly (keyof ConsumerConfig)[]

/** Another instance made the consumer meanwhile. */
const CONSUMER_EXISTS: ReadonlySet<number> = new Set([JetStreamCode.ConsumerExists, JetStreamCode.ConsumerNameTaken])

/** The consumer as the broker has it, undefined where there is none. @throws KitError as {@link ensureConsumer}. */
export async function findConsumer(
  manager: JetStreamManager,
  stream: string,
  name: string,
): Promise<ConsumerInfo | undefined> {
  try {
    return await manager.consumers.info(stream, name)
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamCode.ConsumerNotFound) return undefined
    throw consumerError(stream, name, error)
  }
}

/**
 * Makes the consumer, or makes the one that is there the declared one; each changed field is logged.
 *
 * @throws KitError `stream_missing`, `consumer_conflict` naming the fields the server cannot change,
 * `permission_denied`, `broker_unavailable`.
 */
export async function ensureConsumer(
  manager: JetStreamManager,
  stream: string,
  config: Partial<ConsumerConfig> & { readonly name?: string },
  logger: Logger,
): Promise<ConsumerInfo> {
  const name = config.name as string
  const live = await findConsumer(manager, stream, name)
  if (!live) {
    try {
      const created = await manager.consumers.add(stream, config)
      logger.info({ event: 'consumerCreated', stream, consumer: name, config }, 'consumer created')
      return created
    } catch (error) {
      if (!(error instanceof JetStreamApiError && CONSUMER_EXISTS.has(error.code)))
        throw consumerError(stream, name, error)
      // Another instance was first; what it made is compared below.
      return updateConsumer(manager, stream, config, await manager.consumers.info(stream, name), logger)
    }
  }
  return updateConsumer(manager, stream, config, live, logger)
}

async function updateConsumer(
  manager: JetStreamManager,
  stream: string,
  config: Partial<ConsumerConfig>,
  live: ConsumerInfo,
  logger: Logger,
): Promise<ConsumerInfo> {
  const changes = COMPARED.filter((field) => normal(config[field]) !== normal(live.config[field]))
  if (changes.length === 0) return live
  const described = changes.map(
    (field) => `${field}: ${JSON.stringify(live.config[field])} → ${JSON.stringify(config[field])}`,
  )
  const kind = Boolean(config.deliver_subject) !== Boolean(live.config.deliver_subject)
  if (kind) throw conflict(stream, live.name, described, 'a consumer cannot turn from pull to push or back')
  try {
    const updated: Partial<ConsumerConfig> = { ...live.config, ...config }
    // What else is noted on the consumer stays.
    updated.metadata = { ...live.config.metadata, ...config.metadata }
    // The server refuses another beginning for a consumer that has begun.
    updated.deliver_policy = live.config.deliver_policy
    if (live.config.opt_start_seq === undefined) delete updated.opt_start_seq
    else updated.opt_start_seq = live.config.opt_start_seq
    const info = await manager.consumers.update(stream, live.name, updated)
    logger.info({ event: 'consumerUpdated', stream, consumer: live.name, changes: described }, 'consumer updated')
    return info
  } catch (error) {
    if (error instanceof JetStreamApiError) throw conflict(stream, live.name, described, error.message, error)
    throw consumerError(stream, live.name, error)
  }
}

function conflict(
  stream: string,
  name: string,
  changes: readonly string[],
  why: string,
  cause?: JetStreamApiError,
): KitError {
  return new KitError(
    KitErrorCode.ConsumerConflict,
    `consumer ${name} on ${stream} differs and cannot be changed (${changes.join(', ')}): ${why}; go back to what it is, or have an administrator move it`,
    cause === undefined ? {} : { cause, brokerCode: cause.code },
  )
}

function consumerError(stream: string, name: string, error: unknown): KitError {
  if (error instanceof JetStreamApiError) {
    if (error.code === JetStreamCode.StreamNotFound) {
      return new KitError(KitErrorCode.StreamMissing, `stream ${stream} is not on the broker`, {
        cause: error,
        brokerCode: error.code,
      })
    }
    return new KitError(
      KitErrorCode.ConsumerConflict,
      `the server refused consumer ${name} on ${stream}: ${error.message}`,
      {
        cause: error,
        brokerCode: error.code,
      },
    )
  }
  return unanswered(`consumer ${name} on ${stream} cannot be looked up or made`, error)
}

function normal(value: unknown): unknown {
  return value === undefined || value === '' || value === 0 ? null : value
}
