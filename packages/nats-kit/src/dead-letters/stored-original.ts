import type { StoredMsg } from '@nats-io/jetstream'
import type { DeadLetterContent } from './store-dead-letter.ts'

/**
 * A stored message as a dead letter keeps it, byte for byte, and the nanoseconds of the Unix epoch when it was stored.
 * Not through the client's `header` and `time`: the one throws on names that the server stores, the other has milliseconds.
 */
export function storedOriginal(stored: StoredMsg): {
  readonly original: NonNullable<DeadLetterContent['original']>
  readonly storedNanos: string
} {
  const { smr } = stored as unknown as { readonly smr: { readonly message: { readonly hdrs?: string } } }
  const { hdrs } = smr.message
  const headerBytes = hdrs === undefined ? undefined : Buffer.from(hdrs, 'base64')
  return { original: { data: stored.data, headerBytes }, storedNanos: nanosOf(stored.timestamp) }
}

/** `2026-01-02T03:04:05.123456789Z`, where the server leaves out zeros at the end. */
function nanosOf(timestamp: string): string {
  const [seconds = '', fraction = ''] = timestamp.replace('Z', '').split('.')
  return `${Date.parse(`${seconds}Z`) / 1_000}${fraction.padEnd(9, '0')}`
}
