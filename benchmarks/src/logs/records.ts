import type { BenchmarkAlarm } from './alarms.ts'

const FIRST_MS = Date.UTC(2026, 0, 1)
/** Times move on by a second in so many alarms. */
const ALARMS_A_SECOND = 20
export const STREAM = 'BASQUIAT_STREAM'

/** An alarm as log-consumer's store takes it. */
export function recordAt(index: number, alarm: BenchmarkAlarm): object {
  const storedAt = new Date(FIRST_MS + Math.floor((index * 1_000) / ALARMS_A_SECOND))
  return { ...alarm, id: `id-${index}`, stream: STREAM, seq: index + 1, storedAt, deliveryCount: 1 }
}
