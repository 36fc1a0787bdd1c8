import type { Stream } from '@alarm-bus/contracts'
import { JetStreamApiError, type JetStreamManager, jetstreamManager, type StreamInfo } from '@nats-io/jetstream'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { JetStreamCode } from '../jetstream-codes.ts'
import { ensureWatchConsumer, WATCH_CONSUMER, watchCursors } from '../bus-watch/watch-consumer.ts'
import { withCompanions } from './companion-streams.ts'
import { isMigrating, migrationName } from './incarnation.ts'
import { describeChange, type FieldChange, type StreamPlan } from './plan.ts'
import type { DeclaredStreamConfig } from './to-stream-config.ts'
import { probeStream } from './probe-stream.ts'
import { unanswered } from './unanswered.ts'
import { isUndeclared } from './undeclared-fields.ts'
import { widenStream } from './widen-stream.ts'

/**
 * In every mode more than declared is enough: the channels, options and higher limits of a newer release.
 *
 * - `apply` (an app's default): create what is missing, widen what lacks something. Takes nothing away and lowers
 *   nothing, see {@link widenStream}: what is stored, and what another version of the app needs, stays. To make a stream
 *   smaller is an operator's decision.
 * - `create`: create what is missing; a stream that lacks something is an error.
 * - `verify`: touch nothing; a stream that is missing or lacks something is an error.
 */
export type StreamMode = 'apply' | 'create' | 'verify'

export interface EnsureStreamsOptions {
  readonly mode: StreamMode
  /** With `verify`: the streams to look at, companions among them. Not given: all of them. */
  readonly only?: readonly string[]
  /**
   * With `verify`: streams that are not looked up, each with a subject of its own on which the app may publish. Such a
   * stream is asked whether it is there by a message that it refuses; how it is configured is left to `pnpm ops plan`.
   */
  readonly probes?: Readonly<Record<string, string>>
  /** At least so many copies of each stream. Not given: new streams get their declaration's, existing ones keep theirs. */
  readonly replicas?: number
  /**
   * Whether an app watches the dead letters, through a consumer beside them, which is made as well. With `verify` it is
   * not looked for: the watch says what it lacks, and nothing else waits for it. Default false.
   */
  readonly watched?: boolean
  /** What to run when a stream is missing or differs; part of the error. */
  readonly hint?: string
}

/**
 * Brings about that the broker's streams have all that is declared, each with its companions, or checks that they have.
 * Each created stream and each changed field is logged.
 *
 * @returns what was found, and in modes `apply` and `create` done, one plan a stream; `none` also for a stream that has
 * more than declared.
 * @throws KitError `stream_missing`, `stream_different`, `stream_migrating`, `stream_immutable` or `stream_refused`, naming
 * stream and fields;
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
      const probe = options.mode === 'verify' ? options.probes?.[declared.name] : undefined
      const isItself = declared.name === stream.name
      if (probe === undefined) plans.push(await ensureStream(connection, manager, declared, isItself, options))
      else plans.push(await probed(connection, declared.name, probe, options))
    }
    if (options.watched && options.mode !== 'verify') await ensureWatched(connection, manager, stream)
  }
  return plans
}

async function ensureWatched({ logger }: Connection, manager: JetStreamManager, stream: Stream): Promise<void> {
  for (const cursor of watchCursors(stream)) {
    if ((await ensureWatchConsumer(manager, cursor)) === 'none') continue
    const detail = { event: 'watchConsumerCreated', stream: cursor.stream, consumer: WATCH_CONSUMER }
    logger.info(detail, 'consumer for the watch of dead letters created')
  }
}

async function probed(
  { client }: Connection,
  stream: string,
  subject: string,
  { hint }: EnsureStreamsOptions,
): Promise<StreamPlan> {
  const found = await probeStream(client, subject).catch((error: unknown) => {
    throw unanswered(`stream ${stream} cannot be asked`, error)
  })
  if (found === stream) return { action: 'none', stream }
  const end = hint === undefined ? '' : `; ${hint}`
  if (found === undefined) throw new KitError(KitErrorCode.StreamMissing, `stream ${stream} is not on the broker${end}`)
  throw new KitError(KitErrorCode.StreamDifferent, `${subject} is stored in ${found} and not in ${stream}${end}`)
}

async function ensureStream(
  connection: Connection,
  manager: JetStreamManager,
  declared: DeclaredStreamConfig,
  keepDirect: boolean,
  options: EnsureStreamsOptions,
): Promise<StreamPlan> {
  const { name: stream } = declared
  const hint = options.hint === undefined ? '' : `; ${options.hint}`
  const found = await findStream(manager, stream)
  if (!found && options.mode === 'verify')
    throw new KitError(KitErrorCode.StreamMissing, `stream ${stream} is not on the broker${hint}`)
  const live = found ?? (await create(connection, manager, declared))
  if (!live) return { action: 'create', stream }
  const widening = widenStream(declared, live.config, { ignoreReplicas: options.replicas === undefined, keepDirect })
  // Its subjects are away on purpose: what is stored now would be lost with the stream.
  if (widening.action !== 'none' && isMigrating(live)) throw migrating(stream, 'nothing is changed')
  switch (widening.action) {
    case 'none':
      return { action: 'none', stream }
    case 'refuse':
      throw widening.changes.some(({ immutable }) => immutable)
        ? immutable(stream, widening.changes, hint)
        : different(stream, widening.changes, hint)
    case 'widen': {
      const { config, changes } = widening
      if (options.mode !== 'apply') throw different(stream, notOfTheTag(changes), hint)
      await update(connection, manager, live, config, changes, options)
      return { action: 'update', stream, changes }
    }
  }
}

/** @returns the stream that another app made otherwise a moment before; undefined where this one made it. */
async function create(
  { logger, events }: Connection,
  manager: JetStreamManager,
  declared: DeclaredStreamConfig,
): Promise<StreamInfo | undefined> {
  const { name: stream } = declared
  if (await isInCopy(manager, stream))
    throw migrating(stream, `its messages are in ${migrationName(stream)}, so it is not created`)
  try {
    await change(declared, [], () => manager.streams.add(declared))
  } catch (error) {
    const other =
      KitError.is(error) && error.brokerCode === JetStreamCode.StreamNameTaken
        ? await findStream(manager, stream)
        : undefined
    if (!other) throw error
    return other
  }
  logger.info({ event: 'streamChanged', stream, action: 'created', config: declared }, 'stream created')
  events.emit('streamChanged', { stream, action: 'created', changes: [] })
  return undefined
}

async function update(
  { logger, events }: Connection,
  manager: JetStreamManager,
  live: StreamInfo,
  config: DeclaredStreamConfig,
  changes: readonly FieldChange[],
  { replicas }: EnsureStreamsOptions,
): Promise<void> {
  const { name: stream } = config
  await change(config, changes, () =>
    // The client merges this with what is there, so fields that are not declared stay.
    manager.streams.update(stream, {
      ...config,
      ...Object.fromEntries(
        changes.filter(({ field }) => isUndeclared(field)).map(({ field, declared }) => [field, declared]),
      ),
      num_replicas: replicas === undefined ? live.config.num_replicas : config.num_replicas,
      metadata: { ...live.config.metadata, ...config.metadata },
    }),
  )
  for (const { field, live: before, declared: after } of changes) {
    logger.info({ event: 'streamChanged', stream, action: 'updated', field, before, after }, 'stream updated')
  }
  events.emit('streamChanged', { stream, action: 'updated', changes })
}

/** A migration deletes the stream and recreates it; one that an app creates in between would be in its way. */
async function isInCopy(manager: JetStreamManager, stream: string): Promise<boolean> {
  try {
    return (await findStream(manager, migrationName(stream))) !== undefined
  } catch (error) {
    // An app that may make its streams need not be allowed to look for others.
    if (KitError.is(error, KitErrorCode.PermissionDenied)) return false
    throw error
  }
}

/** An app that does not write does not mind a tag of another release. */
function notOfTheTag(changes: readonly FieldChange[]): readonly FieldChange[] {
  return changes.filter(({ field }) => field !== 'description' && !field.startsWith('metadata.'))
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

function migrating(stream: string, what: string): KitError {
  return new KitError(KitErrorCode.StreamMigrating, `stream ${stream} is being migrated; ${what}`)
}

function different(stream: string, changes: readonly FieldChange[], hint: string): KitError {
  return new KitError(
    KitErrorCode.StreamDifferent,
    `stream ${stream} lacks what is declared: ${changes.map(describeChange).join(', ')}${hint}`,
  )
}

function immutable(stream: string, changes: readonly FieldChange[], hint: string): KitError {
  const fields = changes.filter((change) => change.immutable).map(describeChange)
  return new KitError(
    KitErrorCode.StreamImmutable,
    `stream ${stream} cannot become what is declared: ${fields.join(', ')}; declare what is there, or move the messages to a new stream${hint}`,
  )
}
