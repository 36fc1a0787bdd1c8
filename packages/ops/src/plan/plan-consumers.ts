import {
  advisoryStreamName,
  type DeclaredConsumer,
  isWatchConsumer,
  migrationName,
  OF_DECLARATION_KEY,
} from '@alarm-bus/nats-kit/admin'
import type { ConsumerConfig, ConsumerInfo } from '@nats-io/jetstream'
import type { Observed } from './observe.ts'
import { isDrained, undrained } from './drain-consumer.ts'
import { isMoving, movingName } from './move-consumer.ts'
import { type Change, type FieldUpdate, nameOf, type Note, type PlanOptions } from './plan.ts'

interface ConsumerPlan {
  readonly changes: readonly Change[]
  readonly notes: readonly Note[]
  readonly unknown: readonly (Note & { readonly kind: 'unknown' })[]
}

/** Before the name of a field that is one key of the metadata. */
export const METADATA = 'metadata.'

/**
 * Makes the consumers that the apps declare, and changes those that are there to what is declared: an app may not shape
 * its own (decisions/029). What the declaration does not say stays as it is.
 */
export function planConsumers(
  declared: readonly DeclaredConsumer[],
  { consumers, streams }: Observed,
  mode: PlanOptions['mode'],
): ConsumerPlan {
  const find = ({ stream, name }: DeclaredConsumer): ConsumerInfo | undefined =>
    consumers.find((live) => live.stream_name === stream && live.name === name)
  const changes: Change[] = []
  const notes: Note[] = []
  for (const one of declared) {
    const { stream, name: consumer } = one
    const live = find(one)
    // What holds its position says that it is on its way.
    const moving = consumers.some((other) => other.stream_name === stream && other.name === movingName(consumer))
    if (moving) {
      changes.push({ action: 'move', stream, consumer, fields: live ? differences(one, live, mode) : [] })
      continue
    }
    if (!live) {
      // What is in a copy is carried over with the stream.
      if (streams.has(migrationName(stream))) continue
      if (isWanted(one, declared, find)) changes.push(creation(one, mode))
      continue
    }
    // While kits before 1.0 may run, the server gives messages up for them; what ends that is their retirement.
    const isRetired = !streams.has(advisoryStreamName(stream))
    const fields = differences(one, live, mode).filter(({ field }) => field !== 'max_deliver' || isRetired)
    const isChangeable = fields.every(({ field }) => CHANGEABLE.has(field))
    // Told apart from those that their apps make, and hold to what they would make.
    const tag = isChangeable ? taggingOf(live) : []
    if (fields.length + tag.length > 0)
      changes.push({ action: isChangeable ? 'update' : 'move', stream, consumer, fields: [...fields, ...tag] })
  }
  const moved = new Set(changes.filter(({ action }) => action === 'move').map(nameOf))
  for (const live of consumers) {
    const { stream_name: stream, name: consumer, num_pending: waiting } = live
    if (moved.has(nameOf({ stream, consumer })) || streams.has(migrationName(stream))) continue
    if (isDrained(live.config)) changes.push({ action: 'resume', stream, consumer, fields: resuming(live), waiting })
    else if (live.paused === true && !isMoving(consumer))
      notes.push({ kind: 'paused', stream, consumer, forMs: Math.round((live.pause_remaining ?? 0) / 1e6), waiting })
  }
  const known = new Set(declared.flatMap(({ stream, name }) => [`${stream}/${name}`, `${stream}/${movingName(name)}`]))
  const unknown = consumers
    .filter((live) => !known.has(`${live.stream_name}/${live.name}`))
    .filter(({ stream_name: stream, name: consumer }) => !isWatchConsumer({ stream, consumer }))
    .map((live) => ({
      kind: 'unknown' as const,
      stream: live.stream_name,
      consumer: live.name,
      messages: live.num_pending + live.num_ack_pending,
    }))
  return { changes, notes, unknown }
}

function taggingOf({ config }: ConsumerInfo): readonly FieldUpdate[] {
  if (config.metadata?.[OF_DECLARATION_KEY] !== undefined) return []
  return [{ field: `${METADATA}${OF_DECLARATION_KEY}`, before: null, after: 'all' }]
}

/** What the server lets be changed on a consumer that is there. */
const CHANGEABLE: ReadonlySet<string> = new Set([
  'filter_subject',
  'max_deliver',
  'ack_wait',
  'max_ack_pending',
  'inactive_threshold',
])

/** What was set on it while it was drained, and goes. */
function resuming({ config }: ConsumerInfo): readonly FieldUpdate[] {
  const field = 'max_ack_pending'
  const after = undrained(config)[field] ?? null
  const paused = { field: 'paused', before: true, after: null }
  return config[field] === after ? [paused] : [paused, { field, before: config[field] ?? null, after }]
}

/** The whole configuration of a consumer that has to be made, but for where it begins. */
export function configOf(one: DeclaredConsumer, mode: PlanOptions['mode']): Partial<ConsumerConfig> {
  return one.made[modeOf(one, mode) ?? 'pull']
}

function modeOf({ pulls, mode: declared }: DeclaredConsumer, mode: PlanOptions['mode']): DeclaredConsumer['mode'] {
  return pulls ? 'pull' : (mode ?? declared)
}

function creation(one: DeclaredConsumer, mode: PlanOptions['mode']): Change {
  const { stream, name: consumer, startAt } = one
  const { name: _, metadata: __, ...config } = configOf(one, mode)
  const fields = Object.entries({ ...config, deliver_policy: startAt }).map(([field, after]) => ({
    field,
    before: null,
    after,
  }))
  return { action: 'create', stream, consumer, fields }
}

/** Which of its instances an app runs is its deployment's to say, where the app does not; one of them is needed. */
function isWanted(
  one: DeclaredConsumer,
  declared: readonly DeclaredConsumer[],
  find: (one: DeclaredConsumer) => ConsumerInfo | undefined,
): boolean {
  if (one.wanted !== 'unless another') return one.wanted === 'always'
  const { app, stream, channel } = one
  const others = declared.filter(
    (other) => other.app === app && other.stream === stream && other.channel === channel && other !== one,
  )
  return !others.some((other) => find(other) !== undefined)
}

function differences(
  one: DeclaredConsumer,
  { config }: ConsumerInfo,
  mode: PlanOptions['mode'],
): readonly FieldUpdate[] {
  const expected: Record<string, unknown> = { ...one.config }
  // What was lowered on it while it is drained is put back when it is resumed.
  const live = isDrained(config) ? undrained(config) : config
  const pullsNow = live.deliver_subject === undefined
  const wanted = modeOf(one, mode) ?? (pullsNow ? 'pull' : 'push')
  // The subject itself is a matter of the connection's name; that there is one makes the difference.
  if ((wanted === 'pull') !== pullsNow) Object.assign(expected, NOT_PUSHED, picked(one.made[wanted], MOVED))
  return Object.keys(expected)
    .map((field) => ({
      field,
      before: live[field as keyof typeof live] ?? null,
      after: expected[field] ?? null,
    }))
    .filter(({ before, after }) => before !== after)
}

const NOT_PUSHED = { deliver_subject: null, deliver_group: null, idle_heartbeat: null }
const MOVED = ['deliver_subject', 'deliver_group', 'idle_heartbeat', 'max_ack_pending'] as const

function picked(config: Partial<ConsumerConfig>, fields: readonly (keyof ConsumerConfig)[]): object {
  return Object.fromEntries(fields.filter((field) => field in config).map((field) => [field, config[field]]))
}
