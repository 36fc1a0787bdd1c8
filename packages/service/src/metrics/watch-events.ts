import type { KitEvents } from '@alarm-bus/nats-kit'
import { Counter, Gauge, type Registry } from 'prom-client'

/** Turns what the kit emits into numbers. Labels are channels, consumers and closed sets of words: bounded. */
export function watchEvents(registry: Registry): (events: KitEvents) => void {
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> =>
    new Counter({ name: `alarm_bus_${name}`, help, labelNames, registers: [registry] })
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]): Gauge<L> =>
    new Gauge({ name: `alarm_bus_${name}`, help, labelNames, registers: [registry] })

  const connected = gauge('connected', 'Whether the connection to the broker is up: 1 or 0.', [])
  const disconnects = counter('disconnects_total', 'How often the connection was lost.', [])
  const running = gauge('consumer_running', 'Whether a consumer runs: 1 or 0.', ['consumer'])
  const pending = gauge('consumer_pending_messages', 'Messages that wait for a consumer.', ['consumer'])
  const ackPending = gauge('consumer_ack_pending_messages', 'Deliveries without an ack.', ['consumer'])
  const oldest = gauge(
    'consumer_oldest_unread_seconds',
    'No message that waits for a consumer is older, in seconds; absent until one was delivered here.',
    ['consumer'],
  )
  const retries = counter('retries_total', 'Deliveries that failed and are redelivered.', ['channel', 'consumer'])
  const deadLetters = counter('dead_letters_total', 'Messages kept as dead letters.', ['channel', 'consumer', 'reason'])
  const missed = counter('missed_messages_total', 'Messages that are proven to have left a stream unseen.', [
    'channel',
    'consumer',
  ])
  const maybeMissed = counter(
    'possibly_missed_messages_total',
    'Messages that left a stream unobserved and may have been missed.',
    ['channel', 'consumer'],
  )
  const conditions = gauge('watchdog', 'Whether a condition of the watchdog is on: 1 or 0.', ['condition', 'consumer'])

  return (events) => {
    events
      .on('connectionStateChanged', ({ state }) => {
        connected.set(state === 'connected' ? 1 : 0)
        if (state === 'disconnected') disconnects.inc()
      })
      .on('consumerStateChanged', ({ consumer, state }) => running.set({ consumer }, state === 'running' ? 1 : 0))
      .on('consumerMeasured', ({ consumer, pendingMessages, ackPending: unanswered, oldestUnreadMsAtMost }) => {
        pending.set({ consumer }, pendingMessages)
        ackPending.set({ consumer }, unanswered)
        if (oldestUnreadMsAtMost === undefined) oldest.remove({ consumer })
        else oldest.set({ consumer }, oldestUnreadMsAtMost / 1_000)
      })
      .on('retryScheduled', ({ channel, consumer }) => retries.inc({ channel, consumer }))
      .on('deadLetterStored', ({ channel, consumer, reason }) => deadLetters.inc({ channel, consumer, reason }))
      .on('messagesMissed', ({ channel, consumer, atLeast }) => missed.inc({ channel, consumer }, atLeast))
      .on('messagesMayBeMissed', ({ channel, consumer, atMost }) => maybeMissed.inc({ channel, consumer }, atMost))
      .on('watchdogChanged', ({ condition, consumer = '', on }) => conditions.set({ condition, consumer }, on ? 1 : 0))
  }
}
