import type { StreamConfig } from '@nats-io/jetstream'
import { type FieldChange, planStream } from './plan.ts'
import { retagged } from './stream-tag.ts'
import { covers } from './subjects.ts'
import type { DeclaredStreamConfig } from './to-stream-config.ts'
import { isUndeclared } from './undeclared-fields.ts'

/** The server writes "no limit" as -1, and as 0 for ages. */
const LIMITS = new Set([
  'max_age',
  'max_msgs',
  'max_bytes',
  'max_msg_size',
  'max_msgs_per_subject',
  'duplicate_window',
  'num_replicas',
])
const FLAGS = new Set([
  'allow_msg_ttl',
  'allow_direct',
  'allow_atomic',
  'allow_batched',
  'allow_msg_schedules',
  'discard_new_per_subject',
])

/** What there is to do about a live stream so that an app finds all that it declares. */
export type Widening =
  /** The stream has all of it, and perhaps more. */
  | { readonly action: 'none' }
  /** `config` is the declaration and what the stream has beyond it; `changes` are its differences from the live stream. */
  | { readonly action: 'widen'; readonly config: DeclaredStreamConfig; readonly changes: readonly FieldChange[] }
  /** The stream lacks something that no app may give it. */
  | { readonly action: 'refuse'; readonly changes: readonly FieldChange[] }

/**
 * Compares a live stream with a declaration the way an app does, which runs beside other versions of itself: more than
 * declared is enough, and a field is only ever changed to what keeps more. So two versions that both write end with one
 * stream that has what each declares, and neither takes away what the other needs or what is stored.
 *
 * | field | the stream has more | the stream has less, or something else |
 * |---|---|---|
 * | `subjects` | kept; a wildcard that covers the declared ones is enough | the missing ones are added |
 * | `max_age`, `max_msgs`, `max_bytes`, `max_msg_size`, `max_msgs_per_subject`, `duplicate_window` | kept; no limit is the most | raised |
 * | `num_replicas`, where a deployment says how many | kept | raised |
 * | `allow_msg_ttl`, `allow_atomic`, `allow_batched`, and `allow_direct` beside a stream | kept on | turned on |
 * | `allow_direct` of the stream itself | kept on | kept off: only who reads needs it and says so, and kits before 1.0 refuse it |
 * | `discard` | declared `old`, is `new`: enough, since nothing stored is dropped | declared `new`, is `old`: refused; whether publishes fail when the stream is full is not one app's to decide for all |
 * | `storage` | declared `memory`, is `file`: enough, as for the other release once a stream was migrated | refused: the server cannot change it |
 * | `retention` | refused: the server cannot change it | refused |
 * | `description`, tag in `metadata` | no reason for a change; written together with another one | the same |
 * | `sealed`, `allow_msg_counter`, `persist_mode: async`: nothing can be stored, or not safely | refused: the server cannot change them | |
 * | `no_ack`, `subject_transform` of a declared subject, `discard_new_per_subject`, `subject_delete_marker_ttl` | unset, which takes away nothing that is stored | |
 * | other fields that the kit does not declare | kept | kept |
 *
 * Anything narrower is an operator's decision: `planStream` shows it.
 */
export function widenStream(
  declared: DeclaredStreamConfig,
  live: StreamConfig,
  /** `keepDirect`: it is the stream itself and none of those beside it. */
  { keepDirect, ...options }: { readonly ignoreReplicas: boolean; readonly keepDirect: boolean },
): Widening {
  const wanted = keepDirect ? { ...declared, allow_direct: live.allow_direct } : declared
  return widenTo(wanted, live, options)
}

function widenTo(
  declared: DeclaredStreamConfig,
  live: StreamConfig,
  options: { readonly ignoreReplicas: boolean },
): Widening {
  const plan = planStream(declared, live, { ...options, ignoreMetadata: true })
  const differing = 'changes' in plan ? plan.changes : []
  const lacking = differing.filter((change) => !isEnough(change))
  if (lacking.length === 0) return { action: 'none' }
  const refused = lacking.filter((change) => !canWiden(change))
  if (refused.length > 0) return { action: 'refuse', changes: refused }
  const declaredOnes = differing.filter(({ field }) => !isUndeclared(field))
  const wider = Object.fromEntries(declaredOnes.map((change) => [change.field, widerOf(change)]))
  const config = retagged({ ...declared, ...wider })
  const changed = planStream(config, live, options)
  return { action: 'widen', config, changes: 'changes' in changed ? changed.changes : [] }
}

/** Whether who declared it finds what it declared. */
function isEnough({ field, live, declared }: FieldChange): boolean {
  if (field === 'description') return true
  if (field === 'subjects') return subjectsOf(declared).every((one) => subjectsOf(live).some((by) => covers(by, one)))
  if (field === 'discard') return live === 'new'
  if (field === 'storage') return live === 'file'
  if (FLAGS.has(field)) return live === true
  return LIMITS.has(field) && sizeOf(live) >= sizeOf(declared)
}

function canWiden({ field, immutable }: FieldChange): boolean {
  if (isUndeclared(field)) return !immutable
  return field === 'subjects' || FLAGS.has(field) || LIMITS.has(field)
}

function widerOf({ field, live, declared }: FieldChange): unknown {
  if (field === 'description') return declared
  if (field === 'subjects') return union(subjectsOf(live), subjectsOf(declared))
  if (FLAGS.has(field)) return true
  if (LIMITS.has(field)) return sizeOf(live) >= sizeOf(declared) ? live : declared
  return live
}

function subjectsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? (value as readonly string[]) : []
}

function sizeOf(value: unknown): number {
  return typeof value === 'number' && value > 0 ? value : Number.POSITIVE_INFINITY
}

/** The server refuses a subject of which another one of the same stream is part. */
function union(live: readonly string[], declared: readonly string[]): readonly string[] {
  const all = [...new Set([...live, ...declared])].sort()
  return all.filter((one) => !all.some((other) => other !== one && covers(other, one)))
}
