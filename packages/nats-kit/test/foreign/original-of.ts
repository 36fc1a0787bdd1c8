import type { StoredDeadLetter } from '../../src/admin.ts'

/** A message as the broker had stored it. */
export interface OriginalBytes {
  /** The whole header block; undefined for a message without one. */
  readonly header: Uint8Array | undefined
  readonly data: Uint8Array
}

/** The original's bytes as the dead letter has kept them. The only place that knows where they are. */
export function originalOf({ original: { headerBytes, data } }: StoredDeadLetter): OriginalBytes {
  return { header: headerBytes, data }
}

export function isSame(kept: OriginalBytes, stored: OriginalBytes): boolean {
  const same = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
    Buffer.from(a ?? []).equals(b ?? Buffer.alloc(0))
  return same(kept.data, stored.data) && same(kept.header, stored.header)
}
