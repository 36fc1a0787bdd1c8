import {
  createMemoryOnceStore,
  DeadLetter,
  type MessageContext,
  type OnceStore,
  type Resume,
  watchName,
} from '@alarm-bus/nats-kit'
import { inClientSpan, type Metrics, type ServiceLogger } from '@alarm-bus/service'
import { app } from '../declaration.ts'
import type { Alarm, AlarmSink } from '../sinks/alarm-sink.ts'
import { Circuit } from './circuit.ts'
import { deliverToAll, type Destination, eachOnce, type SinkDelivery } from './deliver-to-all.ts'
import type { DeliveryJournal } from './delivery-journal.ts'

/** What was sent of alerts is kept with what the watch has to remember, where the app may write. */
const ALERT_SENDER = `${watchName(app.name)}.sent`

export interface AlarmDeliveryOptions {
  readonly sinks: readonly AlarmSink[]
  readonly circuit: { readonly failures: number; readonly firstPauseMs: number }
  /** What was sent to sinks that alert. Its maker opens and closes it. */
  readonly records: OnceStore
  /** What becomes of each alarm is written there. */
  readonly journal?: DeliveryJournal
  readonly metrics: Pick<Metrics, 'timer'>
  readonly logger: ServiceLogger
  readonly pause: (reason: string) => Resume
}

/** The way from a handler to all sinks: once each, each behind a circuit of its own. */
export interface AlarmDelivery {
  deliver(alarm: Alarm, context: MessageContext): Promise<void>
  /** The same sinks behind the same circuits, for what is no message of a channel. */
  readonly alerts: readonly SinkDelivery[]
  /** Alarms that wait for a sink go back to the broker; those under way go on. */
  stopWaiting(): void
  close(): Promise<void>
}

export function createAlarmDelivery(options: AlarmDeliveryOptions): AlarmDelivery {
  const { sinks, circuit, records, journal, metrics, logger, pause } = options
  const circuits = sinks.map((sink) => new Circuit({ ...circuit, sink: sink.name, logger, pause }))
  const timed = metrics.timer({
    name: 'sink_duration_seconds',
    help: 'Time of one call of a sink, alerts about the bus included; result is ok, refused (for good) or failed.',
    label: 'sink',
    resultOf: (error) => (error instanceof DeadLetter ? 'refused' : 'failed'),
  })
  const ofThisProcess = createMemoryOnceStore()
  const destinations = sinks.map((sink, index): Destination => ({
    name: sink.name,
    store: sink.alerts ? records : ofThisProcess,
    async send(alarm, signal) {
      await circuits[index]?.run(signal, () =>
        timed(sink.name, () =>
          inClientSpan(`send ${sink.name}`, { 'alarm_bus.sink': sink.name }, () => sink.send(alarm, signal)),
        ),
      )
      const { channel, stream, seq, deliveryCount } = alarm
      logger.debug({ event: 'alarmSent', sink: sink.name, channel, stream, seq, deliveryCount }, 'alarm sent')
    },
  }))
  return {
    deliver: deliverToAll(destinations, journal),
    alerts: eachOnce(destinations, (sink) => `${ALERT_SENDER}.${sink}`),
    stopWaiting: () => circuits.forEach((each) => each.stop()),
    async close() {
      await Promise.all(sinks.map((sink) => sink.close()))
    },
  }
}
