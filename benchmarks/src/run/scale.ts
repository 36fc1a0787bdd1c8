import { MAIN_PAYLOAD } from '../rows/payloads.ts'
import type { Row } from '../rows/row.ts'

/** How much of each row is done. */
export interface Scale {
  readonly name: 'full' | 'against' | 'quick' | 'smoke'
  /** How often each contender's process is started: two processes of the same code differ by a tenth. */
  readonly starts: number
  /** That count, of each process. */
  readonly rounds: number
  /** Rounds before those that count: code is compiled and caches are filled in them. */
  readonly warmUps: number
  /** Share of a row's messages. */
  readonly share: number
  readonly payloadsOf: (row: Row) => readonly number[]
}

const mainPayload = (): readonly number[] => [MAIN_PAYLOAD]

export const SCALES: Readonly<Record<Scale['name'], Scale>> = {
  full: { name: 'full', starts: 1, rounds: 5, warmUps: 2, share: 1, payloadsOf: (row) => row.payloads },
  /** Two checkouts differ by little: many short rounds of several processes. */
  against: { name: 'against', starts: 7, rounds: 3, warmUps: 2, share: 0.5, payloadsOf: mainPayload },
  quick: { name: 'quick', starts: 1, rounds: 5, warmUps: 1, share: 0.1, payloadsOf: mainPayload },
  /** For a test: everything happens, nothing is measured well. */
  smoke: { name: 'smoke', starts: 1, rounds: 1, warmUps: 0, share: 0.003, payloadsOf: mainPayload },
}

const SMALL_PAYLOAD_BYTES = 1_024

export function messagesOf(row: Row, scale: Scale, payloadBytes: number): number {
  const share = payloadBytes > SMALL_PAYLOAD_BYTES ? scale.share / 4 : scale.share
  return Math.ceil(row.messages * share)
}
