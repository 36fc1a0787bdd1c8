import type { ConsumerConfig } from '@nats-io/jetstream'
import { configHash } from '../streams/config-hash.ts'

/**
 * - `content`: the handler gets something else than it should, or nothing.
 * - `pace`: it gets the right messages sooner, later or more often than it should.
 */
type Effect = 'content' | 'pace'

interface FieldRule {
  readonly effect: Effect
  /** The server refuses to change it, and the kit never sets it: the app works with it as it is. */
  readonly tolerated?: true
  /** Instances of an app may declare different ones, for instance while a release is rolled out. */
  readonly perRelease?: true
  /** A durable without it is as good: an administrator made it to stay. */
  readonly mayBeUnset?: true
  /** What the server shows where nothing was set. */
  readonly unset?: unknown
}

/**
 * What is compared on a consumer: everything that the kit sets, and everything that changes what a handler gets. Where
 * it began is history; its description, its copies and its pause are an operator's.
 */
const RULES = {
  durable_name: { effect: 'pace' },
  filter_subject: { effect: 'content' },
  filter_subjects: { effect: 'content' },
  headers_only: { effect: 'content' },
  ack_policy: { effect: 'content' },
  deliver_subject: { effect: 'content' },
  deliver_group: { effect: 'content' },
  priority_groups: { effect: 'content' },
  priority_policy: { effect: 'content', unset: 'none' },
  priority_timeout: { effect: 'pace' },
  ack_wait: { effect: 'pace', perRelease: true },
  max_ack_pending: { effect: 'pace', perRelease: true },
  inactive_threshold: { effect: 'pace', perRelease: true, mayBeUnset: true },
  idle_heartbeat: { effect: 'pace', perRelease: true },
  max_deliver: { effect: 'pace' },
  backoff: { effect: 'pace' },
  rate_limit_bps: { effect: 'pace' },
  sample_freq: { effect: 'pace' },
  max_batch: { effect: 'pace' },
  max_bytes: { effect: 'pace' },
  max_expires: { effect: 'pace' },
  max_waiting: { effect: 'pace', tolerated: true, unset: 512 },
  replay_policy: { effect: 'pace', tolerated: true, unset: 'instant' },
  flow_control: { effect: 'pace', tolerated: true },
  mem_storage: { effect: 'pace', tolerated: true },
} as const satisfies Partial<
  Record<keyof ConsumerConfig | 'priority_groups' | 'priority_policy' | 'priority_timeout', FieldRule>
>

export type ConsumerField = keyof typeof RULES

/** One field of a live consumer that is not what the app declares. */
export interface FieldDifference extends FieldRule {
  readonly field: ConsumerField
  readonly live: unknown
  readonly declared: unknown
}

/** The fields of a live consumer that are not as declared, those that change what a handler gets first. */
export function differences(
  declared: Partial<ConsumerConfig>,
  live: Partial<ConsumerConfig>,
): readonly FieldDifference[] {
  const wanted = declared as Partial<Record<ConsumerField, unknown>>
  const found = live as Partial<Record<ConsumerField, unknown>>
  return (Object.entries(RULES) as [ConsumerField, FieldRule][])
    .filter(([field, { unset, mayBeUnset }]) => {
      const live = normal(found[field], unset)
      if (mayBeUnset && live === null && declared.durable_name !== undefined) return false
      return normal(wanted[field], unset) !== live
    })
    .map(([field, rule]) => ({ ...rule, field, live: found[field], declared: wanted[field] }))
    .sort((a, b) => Number(b.effect === 'content') - Number(a.effect === 'content'))
}

/** What an app can work with although it would have made it otherwise. */
const USABLE: ReadonlySet<ConsumerField> = new Set([
  // The server shows the limit of its account here.
  'max_batch',
  'max_ack_pending',
  'inactive_threshold',
  'sample_freq',
  'rate_limit_bps',
])

/** Whether an app can work with a consumer that differs so, where it may not change it. */
export function canUse({ field, live, declared }: FieldDifference, config: Partial<ConsumerConfig>): boolean {
  // Sooner, and what is with a handler would be delivered to another.
  if (field === 'ack_wait') return Number(live) >= Number(declared)
  // The broker's bound is the only one on what it sends.
  if (field === 'max_ack_pending' && config.deliver_subject !== undefined) return Number(live) <= Number(declared)
  return USABLE.has(field)
}

/** How much of a value a log line or a check shows: another tool may have set a list of thousands. */
const SHOWN_CHARACTERS = 200

/** For people: what it was and what it becomes, `field: before → after`. */
export function describeDifference({ field, live, declared }: FieldDifference): string {
  return `${field}: ${shown(live)} → ${shown(declared)}`
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'unset'
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`
}

/** The server leaves out what is empty, and takes a list of one for the one. */
function normal(value: unknown, unset: unknown): unknown {
  if (value === undefined || value === null || value === '' || value === 0 || value === false || value === unset)
    return null
  if (Array.isArray(value)) return value.length === 0 ? null : JSON.stringify(value)
  return value
}

/** The key in a consumer's metadata under which the hash of its configuration is noted; where it began is no part of it. */
export const HASH_KEY = 'alarm-bus.config'

/** The fields that the hash is made of: those that the kit sets. */
const HASHED = [
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

/**
 * Whether the consumer is as another instance of the kit made it, with another declaration than this one's: then two
 * instances that repair each other's would go on for ever.
 */
export function isAnotherInstances(declared: Partial<ConsumerConfig>, live: Partial<ConsumerConfig>): boolean {
  const noted = live.metadata?.[HASH_KEY]
  if (noted === undefined || noted === declared.metadata?.[HASH_KEY]) return false
  const fields = HASHED.filter((field) => normal(live[field], undefined) !== null)
  return configHash(Object.fromEntries(fields.map((field) => [field, live[field]]))) === noted
}

/** Whether every message on `subject` matches the filter that the live consumer has. */
export function filterCovers(
  { filter_subject: one, filter_subjects: many }: Partial<ConsumerConfig>,
  subject: string,
): boolean {
  const filters = many !== undefined && many.length > 0 ? many : one ? [one] : ['>']
  return filters.some((filter) => matches(filter, subject))
}

/** Whether a subject, or all that match it where it has wildcards of its own, matches a filter. */
export function matches(filter: string, subject: string): boolean {
  const tokens = subject.split('.')
  const wanted = filter.split('.')
  for (const [index, token] of wanted.entries()) {
    if (token === '>') return index < tokens.length
    const other = tokens[index]
    if (other === undefined || (token !== '*' && token !== other) || (token === '*' && other === '>')) return false
  }
  return wanted.length === tokens.length
}
