import type { StreamConfig } from '@nats-io/jetstream'
import type { DeclaredStreamConfig } from './to-stream-config.ts'
import { UNDECLARED } from './undeclared-fields.ts'

/** One field in which the broker differs from the declaration, in the server's own names and units. */
export interface FieldChange {
  readonly field: string
  readonly live: unknown
  readonly declared: unknown
  /** Whether the server refuses to change it on a stream that exists. */
  readonly immutable: boolean
}

export type StreamPlan =
  | { readonly action: 'none'; readonly stream: string }
  | { readonly action: 'create'; readonly stream: string }
  | { readonly action: 'update'; readonly stream: string; readonly changes: readonly FieldChange[] }
  | { readonly action: 'refuse'; readonly stream: string; readonly changes: readonly FieldChange[] }

export interface PlanOptions {
  /** Leave the number of copies as the broker has it: only a deployment's configuration knows it. */
  readonly ignoreReplicas?: boolean
  /** Leave what is noted in the metadata: it says where a stream comes from, and no app depends on it. */
  readonly ignoreMetadata?: boolean
}

/** What it takes to make the live stream the declared one; `live` is undefined where there is none. Changes nothing. */
export function planStream(
  declared: DeclaredStreamConfig,
  live: StreamConfig | undefined,
  options: PlanOptions = {},
): StreamPlan {
  const stream = declared.name
  if (!live) return { action: 'create', stream }
  const changes: FieldChange[] = (Object.keys(declared) as (keyof DeclaredStreamConfig)[])
    .filter((field) => field !== 'metadata' && !(field === 'num_replicas' && options.ignoreReplicas))
    .filter((field) => !same(declared[field], live[field]))
    .map((field) => ({ field, live: live[field], declared: declared[field], immutable: isImmutable(field, live) }))
  changes.push(...undeclaredChanges(declared, live))
  if (!options.ignoreMetadata) changes.push(...metadataChanges(declared, live))
  if (changes.length === 0) return { action: 'none', stream }
  return { action: changes.some((change) => change.immutable) ? 'refuse' : 'update', stream, changes }
}

/** A change in words, for a log line or an error. */
export function describeChange({ field, live, declared, immutable }: FieldChange): string {
  return `${field}: ${show(live)} → ${show(declared)}${immutable ? ' (the server cannot change it)' : ''}`
}

/** What the kit never sets, and what must not be set for messages to be stored and delivered as declared. */
function undeclaredChanges(declared: DeclaredStreamConfig, live: StreamConfig): readonly FieldChange[] {
  const found = live as Partial<Record<string, unknown>>
  return Object.entries(UNDECLARED)
    .filter(([field]) => normal(found[field]) !== null && found[field] !== 0)
    .filter(([field, { unset, matters }]) => found[field] !== unset && (matters?.(found[field], declared) ?? true))
    .map(([field, { unset, immutable = false }]) => ({ field, live: found[field], declared: unset, immutable }))
}

/** Key by key: what another tool notes on a stream, the server first of all, is theirs. */
function metadataChanges(declared: DeclaredStreamConfig, live: StreamConfig): readonly FieldChange[] {
  return Object.entries(declared.metadata ?? {})
    .map(([key, value]) => ({
      field: `metadata.${key}`,
      live: live.metadata?.[key],
      declared: value,
      immutable: false,
    }))
    .filter((change) => change.live !== change.declared)
}

function isImmutable(field: keyof DeclaredStreamConfig, live: StreamConfig): boolean {
  if (field === 'storage' || field === 'retention') return true
  return field === 'allow_msg_ttl' && live.allow_msg_ttl === true
}

function same(declared: unknown, live: unknown): boolean {
  if (Array.isArray(declared)) {
    return JSON.stringify([...declared].sort()) === JSON.stringify(Array.isArray(live) ? [...live].sort() : live)
  }
  // The server leaves out what is false, empty or "no limit".
  return normal(declared) === normal(live)
}

function normal(value: unknown): unknown {
  return value === undefined || value === '' || value === -1 || value === false ? null : value
}

function show(value: unknown): string {
  return value === undefined ? 'unset' : JSON.stringify(value)
}
