import type { alarmDelivery, ResponseInputOf } from '@alarm-bus/contracts'
import { errorText, type KitEvents } from '@alarm-bus/nats-kit'
import type { Alarm } from '../sinks/alarm-sink.ts'

export type Delivery = ResponseInputOf<typeof alarmDelivery>
type SinkState = Delivery['sinks'][number]

/** Alarms that are remembered; the oldest is forgotten first. */
const MAX_ALARMS = 10_000
/** As the contract bounds it. */
const MAX_ERROR_CHARACTERS = 500

interface Entry {
  readonly name: string
  readonly sinks: Map<string, SinkState>
  delivery: Omit<Delivery, 'sinks'>
}

/**
 * What this process knows of alarms on their way, by channel and id and by where they are stored. It outlasts no restart
 * and knows nothing of other instances: what was sent is in their records on the broker.
 */
export class DeliveryJournal {
  readonly #byPlace = new Map<string, Entry>()
  readonly #byName = new Map<string, Entry>()

  /** Learns from the bus what becomes of the alarms that were not delivered. */
  follow(events: KitEvents): void {
    events.on('retryScheduled', ({ stream, seq, delayMs, error }) => {
      this.#change(stream, seq, { state: 'retrying', retryAtMs: Date.now() + Math.round(delayMs), error: cut(error) })
    })
    events.on('deadLetterStored', ({ stream, seq, reason, error }) => {
      this.#change(stream, seq, { state: 'dead-letter', error: cut(`${reason}: ${error}`) })
    })
  }

  begun(alarm: Alarm, sinks: readonly string[]): void {
    const { id, channel, stream, seq, deliveryCount } = alarm
    if (id === undefined) return
    const place = placeOf(stream, seq)
    const known = this.#byPlace.get(place)
    const name = nameOf(channel, id)
    const entry: Entry = known?.name === name ? known : { name, sinks: new Map(), delivery: { state: 'running' } }
    entry.delivery = { state: 'running', deliveries: deliveryCount }
    for (const sink of sinks) if (!entry.sinks.has(sink)) entry.sinks.set(sink, { name: sink, state: 'open' })
    // Behind all others.
    this.#byPlace.delete(place)
    this.#byPlace.set(place, entry)
    this.#byName.set(name, entry)
    this.#forgetOldest()
  }

  sink(alarm: Alarm, name: string, state: SinkState['state'], error?: unknown): void {
    this.#byPlace.get(placeOf(alarm.stream, alarm.seq))?.sinks.set(name, {
      name,
      state,
      atMs: Date.now(),
      ...(error !== undefined && { error: cut(errorText(error)) }),
    })
  }

  delivered({ stream, seq }: Alarm): void {
    this.#change(stream, seq, { state: 'delivered' })
  }

  find(channel: string, id: string): Delivery | undefined {
    const entry = this.#byName.get(nameOf(channel, id))
    return entry && { ...entry.delivery, sinks: [...entry.sinks.values()] }
  }

  #change(stream: string, seq: number, change: Omit<Delivery, 'sinks' | 'deliveries'>): void {
    const entry = this.#byPlace.get(placeOf(stream, seq))
    const deliveries = entry?.delivery.deliveries
    if (entry) entry.delivery = { ...(deliveries !== undefined && { deliveries }), ...change }
  }

  #forgetOldest(): void {
    for (const [place, entry] of this.#byPlace) {
      if (this.#byPlace.size <= MAX_ALARMS) break
      this.#byPlace.delete(place)
      // The same id may have come once more, after the broker had forgotten it.
      if (this.#byName.get(entry.name) === entry) this.#byName.delete(entry.name)
    }
  }
}

function placeOf(stream: string, seq: number): string {
  return `${stream} ${seq}`
}

function nameOf(channel: string, id: string): string {
  return `${channel} ${id}`
}

function cut(text: string): string {
  return text.slice(0, MAX_ERROR_CHARACTERS)
}
