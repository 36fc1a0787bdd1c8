import type { DeadLetter } from '@alarm-bus/nats-kit'
import type { Alarm } from '../sinks/alarm-sink.ts'

/** Alarms that are redelivered while one of their sinks has refused them; far more than run at once. */
const MAX_ALARMS = 10_000

/** Which sinks have refused an alarm for good, so that they are not asked again when it is redelivered for another sink. */
export class RefusedAlarms {
  readonly #refused = new Map<string, Map<string, DeadLetter>>()

  of(alarm: Alarm, sink: string): DeadLetter | undefined {
    return this.#refused.get(keyOf(alarm))?.get(sink)
  }

  remember(alarm: Alarm, sink: string, reason: DeadLetter): void {
    const key = keyOf(alarm)
    const sinks = this.#refused.get(key) ?? new Map<string, DeadLetter>()
    this.#refused.set(key, sinks.set(sink, reason))
    for (const oldest of this.#refused.keys()) {
      if (this.#refused.size <= MAX_ALARMS) break
      this.#refused.delete(oldest)
    }
  }

  forget(alarm: Alarm): void {
    this.#refused.delete(keyOf(alarm))
  }
}

function keyOf({ stream, seq, storedAt }: Alarm): string {
  return `${stream} ${seq} ${storedAt.getTime()}`
}
