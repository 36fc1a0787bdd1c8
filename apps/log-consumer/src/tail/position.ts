/** How far a reader of the live tail has come: through so many rows of this batch, and through all batches before it. */
export interface Position {
  readonly batch: number
  /** `WHOLE`: all that there are. */
  readonly rows: number
}

/** More rows than a batch has. */
export const WHOLE = 99_999

/** As it stands in an event's id. */
export function encodePosition({ batch, rows }: Position): string {
  return `${batch}.${rows}`
}

/** @returns undefined for anything that `encodePosition` has not made. */
export function decodePosition(text: string): Position | undefined {
  const [, batch, rows] = /^(0|[1-9]\d{0,14})\.(0|[1-9]\d{0,4})$/.exec(text) ?? []
  return batch === undefined ? undefined : { batch: Number(batch), rows: Number(rows) }
}
