import type { App, Contracts, Stream } from '@alarm-bus/contracts'
import {
  type DeclaredConsumer,
  declaredConsumers,
  deadLetterStreamName,
  deadLetterSharesStreamName,
} from '@alarm-bus/nats-kit/admin'
import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream'
import type { Observed } from '../plan/observe.ts'
import { problemsOf } from './problems.ts'
import { ConsumerState, type ConsumerStatus, type Status, type StreamStatus } from './status.ts'

/** How many dead letters each consumer has, by stream and consumer. */
export type DeadLetterCounts = ReadonlyMap<string, number>

/** Puts together what was seen of the broker and what the code declares. */
export function statusOf(
  contracts: Contracts,
  apps: readonly App[],
  observed: Observed,
  letters: DeadLetterCounts,
  now = Date.now(),
): Status {
  const live = new Map(observed.consumers.map((info) => [`${info.stream_name}/${info.name}`, info]))
  const all = apps.flatMap((app) => declaredConsumers(app, contracts))
  // Each has one beside it for what is redriven to it.
  const declared = all.filter(({ takes }) => takes === 'messages')
  const consumers = declared.flatMap((one) => {
    const info = live.get(keyOf(one))
    const redrive = all.find((other) => other.takes === 'redriven' && isSame(one, other))
    const redriven = redrive && live.get(keyOf(redrive))
    return info ? [consumerStatus(one, info, redriven, letters, now)] : []
  })
  const streams = contracts.streams.flatMap((stream) => streamStatus(stream, observed, letters, now))
  const handling = new Set(declared.map(({ app }) => app))
  const publishers = apps
    .filter(({ name }) => !handling.has(name))
    .map(({ name, publishes }) => ({ app: name, channels: publishes.map((channel) => channel.name) }))
  const seen = { streams, consumers, publishers }
  return { ...seen, problems: problemsOf(seen, contracts, declared) }
}

function streamStatus(stream: Stream, { streams }: Observed, letters: DeadLetterCounts, now: number): StreamStatus[] {
  const info = streams.get(stream.name)
  if (!info) return []
  const { messages, bytes, first_ts } = info.state
  const of = `${stream.name}/`
  return [
    {
      stream: stream.name,
      channels: stream.channels.map(({ name }) => name),
      messages,
      bytes,
      maxBytes: info.config.max_bytes,
      oldestMs: messages === 0 ? undefined : since(first_ts, now),
      deadLetters: [...letters].reduce((sum, [key, count]) => (key.startsWith(of) ? sum + count : sum), 0),
    },
  ]
}

function consumerStatus(
  { stream, name, app, channel }: DeclaredConsumer,
  info: ConsumerInfo,
  redriven: ConsumerInfo | undefined,
  letters: DeadLetterCounts,
  now: number,
): ConsumerStatus {
  // A time in ISO 8601; the client's type says a number.
  const last: unknown = info.delivered.last_active
  return {
    stream,
    consumer: name,
    app,
    channel,
    state: stateOf(info),
    unread: info.num_pending,
    inFlight: info.num_ack_pending,
    redelivered: info.num_redelivered,
    deadLetters: letters.get(`${stream}/${name}`) ?? 0,
    redriving: redriven ? redriven.num_pending + redriven.num_ack_pending : 0,
    lastDeliveredMs: last === undefined ? undefined : since(String(last), now),
  }
}

function keyOf({ stream, name }: DeclaredConsumer): string {
  return `${stream}/${name}`
}

function isSame(one: DeclaredConsumer, other: DeclaredConsumer): boolean {
  return one.app === other.app && one.channel === other.channel && one.instance === other.instance
}

function stateOf(info: ConsumerInfo): ConsumerState {
  if (info.paused) return ConsumerState.Paused
  if (info.num_waiting > 0 || info.push_bound) return ConsumerState.Running
  return info.num_ack_pending > 0 ? ConsumerState.Busy : ConsumerState.NotRunning
}

function since(time: string, now: number): number {
  return Math.max(0, now - Date.parse(time))
}

/** Counts on the broker, by subject: no letter is read. */
export async function countDeadLetters(
  manager: JetStreamManager,
  contracts: Contracts,
  { streams }: Observed,
): Promise<DeadLetterCounts> {
  const counts = new Map<string, number>()
  for (const { name: stream } of contracts.streams) {
    // A letter in parts has a subject for each part, of one name more.
    const places = [
      [deadLetterStreamName(stream), `dead-letter.${stream}.*.*.*`],
      [deadLetterSharesStreamName(stream), `dead-letter-share.${stream}.*`],
    ] as const
    for (const [place, subjects_filter] of places) {
      if (!streams.has(place)) continue
      const { state } = await manager.streams.info(place, { subjects_filter })
      for (const [subject, count] of Object.entries(state.subjects ?? {})) {
        const key = `${stream}/${subject.split('.')[2]}`
        counts.set(key, (counts.get(key) ?? 0) + count)
      }
    }
  }
  return counts
}
