/** One look a second for an hour. */
const MAX_POINTS = 3_600

/** Columns of numbers, one row for each look; the oldest row gives way. */
export class History<Column extends string> {
  readonly #columns: readonly Column[]
  readonly #values: Readonly<Record<Column | 'atMs', Float64Array>>
  readonly #max: number
  #next = 0
  #length = 0

  constructor(columns: readonly Column[], max: number = MAX_POINTS) {
    this.#columns = columns
    this.#max = max
    const all = [...columns, 'atMs'].map((column) => [column, new Float64Array(max)])
    this.#values = Object.fromEntries(all) as Readonly<Record<Column | 'atMs', Float64Array>>
  }

  add(atMs: number, row: Readonly<Record<Column, number>>): void {
    this.#values.atMs[this.#next] = atMs
    for (const column of this.#columns) this.#values[column][this.#next] = row[column]
    this.#next = (this.#next + 1) % this.#max
    this.#length = Math.min(this.#length + 1, this.#max)
  }

  /** The oldest first. */
  read(): Readonly<Record<Column | 'atMs', readonly number[]>> {
    const first = (this.#next - this.#length + this.#max) % this.#max
    const ordered = (values: Float64Array): number[] =>
      Array.from({ length: this.#length }, (_, index) => values[(first + index) % this.#max] ?? 0)
    const all = (['atMs', ...this.#columns] as const).map((column) => [column, ordered(this.#values[column])])
    return Object.fromEntries(all) as Readonly<Record<Column | 'atMs', readonly number[]>>
  }
}
