import type { LogRow } from '../database/tables.ts'
import type { LogKey } from './log-row.ts'
import type { Batch } from './save-rows.ts'

/** Of all rows that are kept, as `bytes` counts them. */
const MAX_BYTES = 16 * 1_024 * 1_024

/** The rows that this instance has stored last, by their batches: who needs them soon need not read them. */
export class RecentRows {
  readonly #batches = new Map<number, readonly LogRow[]>()
  #bytes = 0

  /** @param rows that were to be stored; those that were stored before are left out. */
  add({ no, keys }: Batch, rows: readonly LogRow[]): void {
    const byName = new Map(rows.map((row) => [nameOf(row), row]))
    const added = keys.flatMap((key) => byName.get(nameOf(key)) ?? [])
    this.#batches.set(no, added)
    this.#bytes += sizeOf(added)
    for (const [oldest, some] of this.#batches) {
      if (this.#bytes <= MAX_BYTES) break
      this.#batches.delete(oldest)
      this.#bytes -= sizeOf(some)
    }
  }

  /** In the order in which they stand in the batch. */
  get(no: number): readonly LogRow[] | undefined {
    return this.#batches.get(no)
  }
}

/** What tells a row from others. */
export function nameOf({ stored_at_ms, stream, seq }: LogKey): string {
  return `${stored_at_ms} ${stream} ${seq}`
}

function sizeOf(rows: readonly LogRow[]): number {
  return rows.reduce((sum, { bytes }) => sum + bytes, 0)
}
