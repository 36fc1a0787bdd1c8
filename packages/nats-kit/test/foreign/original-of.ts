import type { StoredDeadLetter } from '../../src/index.ts'

/** A message as the broker had stored it. */
export interface OriginalBytes {
  /** The whole header block; undefined for a message without one. `'not kept'`: this kit keeps no header bytes. */
  readonly header: Uint8Array | undefined | 'not kept'
  readonly data: Uint8Array
}

/** What a later kit gives with a dead letter. */
interface WithOriginal {
  readonly original: { readonly headerBytes: Uint8Array | undefined; readonly data: Uint8Array }
}

/** The original's bytes as the dead letter has kept them. The only place that knows where they are. */
export function originalOf(deadLetter: StoredDeadLetter): OriginalBytes {
  if (!('original' in deadLetter)) return { header: 'not kept', data: deadLetter.data }
  const { headerBytes, data } = (deadLetter as unknown as WithOriginal).original
  return { header: headerBytes, data }
}

export function isSame(kept: OriginalBytes, stored: OriginalBytes): boolean {
  const same = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
    Buffer.from(a ?? []).equals(b ?? Buffer.alloc(0))
  if (kept.header === 'not kept' || stored.header === 'not kept') return same(kept.data, stored.data)
  return same(kept.data, stored.data) && same(kept.header, stored.header)
}
