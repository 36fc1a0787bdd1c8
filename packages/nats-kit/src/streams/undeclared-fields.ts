import { overlaps } from './subjects.ts'
import type { DeclaredStreamConfig } from './to-stream-config.ts'

interface UndeclaredField {
  /** What is sent to have it unset: the server keeps what it is not told. */
  readonly unset?: false | 'default'
  /** Whether the server refuses to unset it. */
  readonly immutable?: true
  /** Whether a value of it concerns the declared stream; any does where nothing is said. */
  readonly matters?: (live: unknown, declared: DeclaredStreamConfig) => boolean
}

/**
 * Fields of a stream that the kit sets on none, or on one of its own alone, and that change what is stored or delivered when another tool does.
 * `republish`, `sources`, `placement`, `compression`, `deny_delete` and `deny_purge` are an operator's: with them messages
 * are stored and delivered as declared.
 */
export const UNDECLARED: Readonly<Record<string, UndeclaredField>> = {
  /** Every publish is refused. */
  sealed: { unset: false, immutable: true },
  /** Messages are stored, and no publisher is told. */
  no_ack: { unset: false },
  /** Messages are stored under another subject, which no consumer reads. */
  subject_transform: { matters: (live, { subjects }) => subjects.some((subject) => overlaps(sourceOf(live), subject)) },
  discard_new_per_subject: { unset: false, matters: (_, declared) => declared.discard_new_per_subject !== true },
  /** Every publish needs a number. */
  allow_msg_counter: { unset: false, immutable: true },
  /** Messages without a body are stored where others expire. */
  subject_delete_marker_ttl: {},
  /** Publishes are acknowledged before they are stored. */
  persist_mode: { unset: 'default', immutable: true },
}

export function isUndeclared(field: string): boolean {
  return Object.hasOwn(UNDECLARED, field)
}

/** The subjects that a transform takes; it takes all where it does not say. */
function sourceOf(transform: unknown): string {
  const src = (transform as { readonly src?: unknown } | undefined)?.src
  return typeof src === 'string' && src !== '' ? src : '>'
}
