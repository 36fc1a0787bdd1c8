import type { LogRow } from '../database/tables.ts'
import type { Batch } from './save-rows.ts'

/** Of all rows that are kept, as `bytes` counts them. */
const MAX_BYTES = 16 * 1_024 * 1_024

/** The rows that this instance has stored last, by their batches: who needs them soon need not read them. */
export class RecentRows {
  readonly #batches = new Map<number, readonly LogRow[]>()
  #bytes = 0

  add({ no, rows }: Batch): void {
    this.#batches.set(no, rows)
    this.#bytes += sizeOf(rows)
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

function sizeOf(rows: readonly LogRow[]): number {
  return rows.reduce((sum, { bytes }) => sum + bytes, 0)
}
