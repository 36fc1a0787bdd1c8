import { createMemoryOnceStore, type MessageContext, type OnceStore, type Resume } from '@alarm-bus/nats-kit'
import type { ServiceLogger } from '@alarm-bus/service'
import type { Alarm, AlarmSink } from '../sinks/alarm-sink.ts'
import { Circuit } from './circuit.ts'
import { deliverToAll, type Destination } from './deliver-to-all.ts'
import type { DeliveryJournal } from './delivery-journal.ts'

export interface AlarmDeliveryOptions {
  readonly sinks: readonly AlarmSink[]
  readonly circuit: { readonly failures: number; readonly firstPauseMs: number }
  /** What was sent to sinks that alert. Its maker opens and closes it. */
  readonly records: OnceStore
  /** What becomes of each alarm is written there. */
  readonly journal?: DeliveryJournal
  readonly logger: ServiceLogger
  readonly pause: (reason: string) => Resume
}

/** The way from a handler to all sinks: once each, each behind a circuit of its own. */
export interface AlarmDelivery {
  deliver(alarm: Alarm, context: MessageContext): Promise<void>
  /** Alarms that wait for a sink go back to the broker; those under way go on. */
  stopWaiting(): void
  close(): Promise<void>
}

export function createAlarmDelivery(options: AlarmDeliveryOptions): AlarmDelivery {
  const { sinks, circuit, records, journal, logger, pause } = options
  const circuits = sinks.map((sink) => new Circuit({ ...circuit, sink: sink.name, logger, pause }))
  const ofThisProcess = createMemoryOnceStore()
  const destinations = sinks.map((sink, index): Destination => ({
    name: sink.name,
    store: sink.alerts ? records : ofThisProcess,
    async send(alarm, signal) {
      await circuits[index]?.run(signal, () => sink.send(alarm, signal))
      const { channel, stream, seq, deliveryCount } = alarm
      logger.debug({ event: 'alarmSent', sink: sink.name, channel, stream, seq, deliveryCount }, 'alarm sent')
    },
  }))
  return {
    deliver: deliverToAll(destinations, journal),
    stopWaiting: () => circuits.forEach((each) => each.stop()),
    async close() {
      await Promise.all(sinks.map((sink) => sink.close()))
    },
  }
}
