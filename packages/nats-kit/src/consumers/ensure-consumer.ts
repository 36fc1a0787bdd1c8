import { type ConsumerConfig, type ConsumerInfo, JetStreamApiError, type JetStreamManager } from '@nats-io/jetstream'
import { KitError, KitErrorCode } from '../errors.ts'
import { JetStreamCode } from '../jetstream-codes.ts'
import { isOfDeclaration } from './consumer-beginning.ts'
import { canUse, describeDifference, differences, type FieldDifference, isAnotherInstances } from './consumer-fields.ts'
import type { Logger } from '../logger.ts'
import type { ShapeRight } from './shape-right.ts'
import { unanswered } from '../streams/unanswered.ts'

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

export interface EnsuredConsumer {
  readonly info: ConsumerInfo
  /** Whether there was none before. */
  readonly created: boolean
}

/**
 * Makes the consumer, or makes the one that is there the declared one; each changed field is logged. Where this app's user
 * may do neither, one that is there is taken as it is if that will do.
 *
 * @param onChange told of one that is about to be changed, and waited for.
 * @param onNew what is noted in the metadata of one that is made.
 * @throws KitError `stream_missing`, `consumer_conflict` naming the fields that cannot be changed, `permission_denied` of
 * one that is missing, `broker_unavailable`.
 */
export async function ensureConsumer(
  manager: JetStreamManager,
  stream: string,
  config: Partial<ConsumerConfig> & { readonly name?: string },
  logger: Logger,
  right: ShapeRight,
  onChange: (live: ConsumerInfo) => Promise<unknown> = async () => undefined,
  onNew: Readonly<Record<string, string>> = {},
): Promise<EnsuredConsumer> {
  const name = config.name as string
  const live = await findConsumer(manager, stream, name)
  if (live) return updateConsumer(manager, stream, config, live, logger, right, onChange)
  const add = async (): Promise<EnsuredConsumer> => {
    try {
      const created = await manager.consumers.add(stream, { ...config, metadata: { ...config.metadata, ...onNew } })
      logger.info({ event: 'consumerCreated', stream, consumer: name }, 'consumer created')
      logger.debug({ event: 'consumerConfig', stream, consumer: name, config }, 'configuration of the created consumer')
      return { info: created, created: true }
    } catch (error) {
      if (!(error instanceof JetStreamApiError && CONSUMER_EXISTS.has(error.code)))
        throw consumerError(stream, name, error)
      // Another instance was first; what it made is compared below.
      const info = await manager.consumers.info(stream, name)
      return updateConsumer(manager, stream, config, info, logger, right, onChange)
    }
  }
  return right.try(add, () => {
    throw new KitError(
      KitErrorCode.PermissionDenied,
      `consumer ${name} of ${stream} is missing, and this app's user may not make it: ${wayOut(config)}`,
    )
  })
}

async function updateConsumer(
  manager: JetStreamManager,
  stream: string,
  config: Partial<ConsumerConfig>,
  live: ConsumerInfo,
  logger: Logger,
  right: ShapeRight,
  onChange: (live: ConsumerInfo) => Promise<unknown>,
): Promise<EnsuredConsumer> {
  const wrong = differences(config, live.config).filter(({ tolerated }) => !tolerated)
  if (wrong.length === 0) return { info: live, created: false }
  // What an administrator holds to the declaration is not the app's to change where it need not.
  if (isOfDeclaration(live.config) && wrong.every((one) => canUse(one, config)))
    return { info: asItIs(stream, config, live, wrong, logger), created: false }
  await onChange(live)
  const info = await right.try(
    () => correctConsumer(manager, stream, config, live, wrong),
    () => asItIs(stream, config, live, wrong, logger),
  )
  // What the server gives by itself, as an account's limit on requests, is still there.
  const left = new Set(differences(config, info.config).map(({ field }) => field))
  const changes = wrong.filter(({ field }) => !left.has(field)).map(describeDifference)
  if (changes.length > 0)
    logger.info({ event: 'consumerUpdated', stream, consumer: live.name, changes }, 'consumer updated')
  return { info, created: false }
}

/** @throws KitError `consumer_conflict` where the app cannot work with what may not be changed. */
function asItIs(
  stream: string,
  config: Partial<ConsumerConfig>,
  live: ConsumerInfo,
  wrong: readonly FieldDifference[],
  logger: Logger,
): ConsumerInfo {
  const unusable = wrong.filter((one) => !canUse(one, config)).map(describeDifference)
  if (unusable.length > 0) {
    throw new KitError(
      KitErrorCode.ConsumerConflict,
      `consumer ${live.name} of ${stream} differs (found → needed: ${unusable.join(', ')}), and this app's user may not change it: ${wayOut(config)}`,
    )
  }
  const detail = { event: 'consumerTakenAsItIs', stream, consumer: live.name, differs: wrong.map(describeDifference) }
  logger.debug(detail, 'the consumer differs from what the app would make, and will do')
  return live
}

function wayOut({ durable_name: durable }: Partial<ConsumerConfig>): string {
  return durable === undefined
    ? 'an ephemeral consumer is its app’s to make; give its user that right, or use lifetime "durable"'
    : 'run `pnpm ops apply`, with how the app consumes in its declaration (consuming) where that is not the default'
}

/** What of a running consumer is to be put right now, and what is to be left as it is. */
export function judgeRunning(
  declared: Partial<ConsumerConfig>,
  live: ConsumerInfo,
): { readonly repair: readonly FieldDifference[]; readonly leave: readonly FieldDifference[] } {
  const found = differences(declared, live.config)
  const others = isAnotherInstances(declared, live.config)
  // Whoever paused it is at work on it, and may have lowered its bound for that.
  const left = ({ tolerated, perRelease, effect }: FieldDifference): boolean =>
    tolerated === true || (perRelease === true && others) || (effect === 'pace' && live.paused === true)
  return { repair: found.filter((one) => !left(one)), leave: found.filter(left) }
}

/**
 * Gives the consumer the declared values of the fields that differ, and leaves all others as they are.
 *
 * @throws KitError `consumer_conflict` naming the fields; also as {@link ensureConsumer}.
 */
export async function correctConsumer(
  manager: JetStreamManager,
  stream: string,
  config: Partial<ConsumerConfig>,
  live: ConsumerInfo,
  wrong: readonly FieldDifference[],
): Promise<ConsumerInfo> {
  const described = wrong.map(describeDifference)
  const kind = Boolean(config.deliver_subject) !== Boolean(live.config.deliver_subject)
  if (kind) throw conflict(stream, live.name, described, 'a consumer cannot turn from pull to push or back')
  try {
    return await manager.consumers.update(stream, live.name, {
      // One that is not declared is unset, which JSON says by leaving it out.
      ...Object.fromEntries(wrong.map(({ field, declared }) => [field, declared])),
      ...(config.description === undefined ? {} : { description: config.description }),
      // What else is noted on the consumer stays.
      metadata: { ...live.config.metadata, ...config.metadata },
    })
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

/** An answer of the server, or none, in the kit's words. */
export function consumerError(stream: string, name: string, error: unknown): KitError {
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
