import { type DeclaredConsumer, isWatchConsumer, migrationName } from '@alarm-bus/nats-kit/admin'
import type { ConsumerInfo } from '@nats-io/jetstream'
import type { Observed } from './observe.ts'
import { isDrained, undrained } from './drain-consumer.ts'
import { isMoving, movingName } from './move-consumer.ts'
import { type Change, type FieldUpdate, nameOf, type Note, type PlanOptions } from './plan.ts'

interface ConsumerPlan {
  readonly changes: readonly Change[]
  readonly notes: readonly Note[]
  readonly unknown: readonly (Note & { readonly kind: 'unknown' })[]
}

/**
 * Consumers are their apps' own: each makes its own when it starts, and changes what the server lets it change. So what
 * is missing or changeable is only said; what is left is what an app alone cannot get past.
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
    const { stream, name: consumer, app } = one
    const live = find(one)
    // What holds its position says that it is on its way.
    const moving = consumers.some((other) => other.stream_name === stream && other.name === movingName(consumer))
    if (moving) {
      changes.push({ action: 'move', stream, consumer, fields: live ? differences(one, live, mode) : [] })
      continue
    }
    if (!live) {
      if (isExpected(one, declared, find)) notes.push({ kind: 'made_by_app', stream, consumer, app })
      continue
    }
    const fields = differences(one, live, mode)
    if (fields.length === 0) continue
    if (fields.every(({ field }) => CHANGEABLE.has(field)))
      notes.push({ kind: 'updated_by_app', stream, consumer, app, fields })
    else changes.push({ action: 'move', stream, consumer, fields })
  }
  const moved = new Set(changes.map(nameOf))
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

/** What was set on it while it was drained, and goes. */
function resuming({ config }: ConsumerInfo): readonly FieldUpdate[] {
  const field = 'max_ack_pending'
  const after = undrained(config)[field] ?? null
  const paused = { field: 'paused', before: true, after: null }
  return config[field] === after ? [paused] : [paused, { field, before: config[field] ?? null, after }]
}

/** What the kit changes on its own consumer when its app starts. */
const CHANGEABLE: ReadonlySet<string> = new Set(['filter_subject', 'max_deliver'])

/** Which of its instances an app runs is its deployment's to say; that it has none at all is worth a line. */
function isExpected(
  one: DeclaredConsumer,
  declared: readonly DeclaredConsumer[],
  find: (one: DeclaredConsumer) => ConsumerInfo | undefined,
): boolean {
  if (one.instance !== undefined) return false
  const { app, stream, channel } = one
  const others = declared.filter(
    (other) => other.app === app && other.stream === stream && other.channel === channel && other !== one,
  )
  return !others.some((other) => find(other) !== undefined)
}

function differences(
  { config, pulls, push }: DeclaredConsumer,
  { config: live }: ConsumerInfo,
  mode: PlanOptions['mode'],
): readonly FieldUpdate[] {
  const expected: Record<string, unknown> = { ...config }
  const pullsNow = live.deliver_subject === undefined
  const shouldPull = pulls || mode === 'pull' || (mode === undefined && pullsNow)
  // The subject itself is a matter of the connection's name; that there is one makes the difference.
  if (shouldPull !== pullsNow) Object.assign(expected, shouldPull ? NOT_PUSHED : push)
  return Object.keys(expected)
    .map((field) => ({
      field,
      before: live[field as keyof typeof live] ?? null,
      after: expected[field] ?? null,
    }))
    .filter(({ before, after }) => before !== after)
}

const NOT_PUSHED = { deliver_subject: null, deliver_group: null, idle_heartbeat: null }
