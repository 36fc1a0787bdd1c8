import type { Stream } from '@alarm-bus/contracts'
import { JetStreamApiError, type JetStreamManager, jetstreamManager, type StreamInfo } from '@nats-io/jetstream'
import type { Connection } from '../connection/connection.ts'
import { errorText, KitError, KitErrorCode } from '../errors.ts'
import { JetStreamCode } from '../jetstream-codes.ts'
import { withCompanions } from './companion-streams.ts'
import { incarnationOf, isMigrating } from './incarnation.ts'
import { describeChange, type FieldChange, isMoreThanDeclared, planStream, type StreamPlan } from './plan.ts'
import type { DeclaredStreamConfig } from './to-stream-config.ts'

/**
 * - `apply`: create what is missing, update what differs. Never deletes.
 * - `create`: create what is missing; a difference is an error.
 * - `verify`: touch nothing; a stream that is missing or lacks something is an error. More than declared is none: the
 *   channels or the higher limits of a newer release.
 */
export type StreamMode = 'apply' | 'create' | 'verify'

export interface EnsureStreamsOptions {
  readonly mode: StreamMode
  /** With `verify`: the streams to look at, companions among them. Not given: all of them. */
  readonly only?: readonly string[]
  /** Copies of each stream. Not given: new streams get their declaration's, existing ones keep theirs. */
  readonly replicas?: number
  /** What to run when a stream is missing or differs; part of the error. */
  readonly hint?: string
}

/**
 * Makes the broker's streams the declared ones, each with its companions, or checks that they are. Each created stream
 * and each changed field is logged.
 *
 * @returns what was found, and in modes `apply` and `create` done, one plan a stream.
 * @throws KitError `stream_missing`, `stream_different`, `stream_immutable` or `stream_refused`, naming stream and fields;
 * `permission_denied` when this app's user may not; `broker_unavailable` when JetStream does not answer.
 */
export async function ensureStreams(
  connection: Connection,
  streams: readonly Stream[],
  options: EnsureStreamsOptions,
): Promise<readonly StreamPlan[]> {
  const manager = await jetstreamManager(connection.client, { checkAPI: false, timeout: 5_000 })
  const plans: StreamPlan[] = []
  for (const stream of streams) {
    for (const declared of withCompanions(stream, options.replicas)) {
      if (options.mode === 'verify' && options.only?.includes(declared.name) === false) continue
      plans.push(await ensureStream(connection, manager, declared, options))
    }
  }
  return plans
}

/**
 * Which stream of that name there is: one that was deleted and made anew is another stream.
 *
 * @throws KitError `stream_different` while the stream is migrated; also as {@link ensureStreams}.
 */
export async function streamIncarnation(connection: Connection, stream: string): Promise<string | undefined> {
  const manager = await jetstreamManager(connection.client, { checkAPI: false, timeout: 5_000 })
  const info = await findStream(manager, stream)
  if (info && isMigrating(info))
    throw new KitError(
      KitErrorCode.StreamDifferent,
      `stream ${stream} is being migrated; its consumers are carried over`,
    )
  return info && incarnationOf(info)
}

async function ensureStream(
  connection: Connection,
  manager: JetStreamManager,
  declared: DeclaredStreamConfig,
  options: EnsureStreamsOptions,
): Promise<StreamPlan> {
  const { logger, events } = connection
  const live = await findStream(manager, declared.name)
  const plan = planFor(declared, live, options)
  const hint = options.hint === undefined ? '' : `; ${options.hint}`
  switch (plan.action) {
    case 'none':
      return plan
    case 'create':
      if (options.mode === 'verify') {
        throw new KitError(KitErrorCode.StreamMissing, `stream ${declared.name} is not on the broker${hint}`)
      }
      await change(declared, [], () => manager.streams.add(declared))
      logger.info(
        { event: 'streamChanged', stream: declared.name, action: 'created', config: declared },
        'stream created',
      )
      events.emit('streamChanged', { stream: declared.name, action: 'created', changes: [] })
      return plan
    case 'refuse':
      throw immutable(declared.name, plan.changes, hint)
    case 'update': {
      if (options.mode !== 'apply') throw different(declared.name, plan.changes, hint)
      // The client merges this with what is there, so fields that nobody declared stay.
      const config = {
        ...declared,
        num_replicas: replicasFor(declared, live, options),
        metadata: { ...live?.config.metadata, ...declared.metadata },
      }
      await change(declared, plan.changes, () => manager.streams.update(declared.name, config))
      for (const { field, live: before, declared: after } of plan.changes) {
        logger.info(
          { event: 'streamChanged', stream: declared.name, action: 'updated', field, before, after },
          'stream updated',
        )
      }
      events.emit('streamChanged', { stream: declared.name, action: 'updated', changes: plan.changes })
      return plan
    }
  }
}

/** An app that only looks is content with more than it declares: a newer release has been set up beside it. */
function planFor(
  declared: DeclaredStreamConfig,
  live: StreamInfo | undefined,
  { mode, replicas }: EnsureStreamsOptions,
): StreamPlan {
  const plan = planStream(declared, live?.config, {
    ignoreReplicas: replicas === undefined,
    // A tag of another release is no reason for an app not to start.
    ignoreMetadata: mode !== 'apply',
  })
  if (mode !== 'verify' || (plan.action !== 'update' && plan.action !== 'refuse')) return plan
  const changes = plan.changes.filter((change) => !isMoreThanDeclared(change))
  return changes.length === 0 ? { action: 'none', stream: plan.stream } : { ...plan, changes }
}

function replicasFor(
  declared: DeclaredStreamConfig,
  live: StreamInfo | undefined,
  options: EnsureStreamsOptions,
): number {
  return options.replicas === undefined ? (live?.config.num_replicas ?? declared.num_replicas) : declared.num_replicas
}

async function findStream(manager: JetStreamManager, name: string): Promise<StreamInfo | undefined> {
  try {
    return await manager.streams.info(name)
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamCode.StreamNotFound) return undefined
    throw unanswered(`stream ${name} cannot be looked up`, error)
  }
}

async function change(
  declared: DeclaredStreamConfig,
  changes: readonly FieldChange[],
  act: () => Promise<unknown>,
): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (error instanceof JetStreamApiError) {
      const fields = changes.length === 0 ? '' : ` (${changes.map(describeChange).join(', ')})`
      throw new KitError(
        KitErrorCode.StreamRefused,
        `the server refused stream ${declared.name}${fields}: ${error.message}`,
        { cause: error, brokerCode: error.code },
      )
    }
    throw unanswered(`stream ${declared.name} cannot be changed`, error)
  }
}

/** An administration request that got no answer: lacking permission, or no JetStream behind the connection. */
export function unanswered(what: string, error: unknown): KitError {
  const text = errorText(error)
  const denied = /permissions violation/i.test(text)
  return new KitError(
    denied ? KitErrorCode.PermissionDenied : KitErrorCode.BrokerUnavailable,
    denied ? `${what}: this app's user may not (${text})` : `${what}: ${text}`,
    { cause: error },
  )
}

function different(stream: string, changes: readonly FieldChange[], hint: string): KitError {
  return new KitError(
    KitErrorCode.StreamDifferent,
    `stream ${stream} differs from its declaration: ${changes.map(describeChange).join(', ')}${hint}`,
  )
}

function immutable(stream: string, changes: readonly FieldChange[], hint: string): KitError {
  const fields = changes.filter((change) => change.immutable).map(describeChange)
  return new KitError(
    KitErrorCode.StreamImmutable,
    `stream ${stream} cannot become what is declared: ${fields.join(', ')}; declare what is there, or move the messages to a new stream${hint}`,
  )
}
