import { setTimeout as sleep } from 'node:timers/promises'
import type { Stream } from '@alarm-bus/contracts'
import { type ConsumerInfo, DiscardPolicy, type JetStreamManager, type StreamInfo } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import type { Connection } from '../connection/connection.ts'
import { deadLetterStreamName, withCompanions } from '../streams/companion-streams.ts'
import { listConsumers } from '../streams/list-all.ts'
import { baselineOf, Baselines } from '../watchdog/baselines.ts'
import type { Finding } from '../watchdog/missed-messages.ts'
import { watchedStreams } from './watch-consumer.ts'
import { countLetters } from './watch-position.ts'

/** Consumers that are looked at; more are passed over. */
const MAX_CONSUMERS = 1_024
/** What looks like a loss is measured again after this long: a burst moves the numbers while they are read. */
const AGAIN_MS = 250

/** How a consumer stands. */
export interface WatchedConsumer {
  readonly stream: string
  readonly consumer: string
  /** Messages that wait for their first delivery. */
  readonly waiting: number
  /** Deliveries without an ack. */
  readonly open: number
  /** Deliveries that are settled: a number that grows while anything is done. */
  readonly settled: number
  /** Somebody paused it on the broker. */
  readonly paused: boolean
  /** Messages that left the stream before it saw them, at least, since the look before. */
  readonly missed: number
}

/** How full a stream is. */
export interface WatchedStream {
  readonly stream: string
  readonly messages: number
  /** Of its bounds, the share of the one that is nearest: 0 to 1, or more. */
  readonly fill: number
  /** Whether it refuses the next message when it is full, rather than drop the oldest. */
  readonly refuses: boolean
}

export interface WatchLook {
  readonly consumers: readonly WatchedConsumer[]
  readonly streams: readonly WatchedStream[]
}

/** Looks at one stream, at its consumers and at what is beside it, and remembers what the comparison needs. */
export class BusLooks {
  readonly #stream: Stream
  #known: Known = new Map()

  constructor(stream: Stream) {
    this.#stream = stream
  }

  /** @throws what the client throws. */
  async look({ client }: Connection, manager: JetStreamManager): Promise<WatchLook> {
    const { name: main } = this.#stream
    // The stream before its consumers: what arrives in between can hide a loss and never feign one.
    const streams = new Map<string, StreamInfo>()
    for (const name of watchedStreams(main)) streams.set(name, await manager.streams.info(name))
    const infos: ConsumerInfo[] = []
    for (const name of watchedStreams(main)) infos.push(...(await listConsumers(client, name)))
    const measured = { before: streams.get(main) as StreamInfo, after: await manager.streams.info(main) }
    const known: Known = new Map()
    const consumers: WatchedConsumer[] = []
    for (const info of infos.slice(0, MAX_CONSUMERS)) {
      const { stream_name: stream, name: consumer, num_pending: waiting, num_ack_pending: open, delivered } = info
      // A work queue gives up nothing by itself, and an ephemeral consumer is missed by nobody.
      const mayMiss = stream === main && info.config.durable_name !== undefined
      const missed = mayMiss ? await this.#missed({ client, manager }, info, measured, known) : 0
      const settled = delivered.consumer_seq - open
      consumers.push({ stream, consumer, waiting, open, settled, paused: info.paused === true, missed })
    }
    this.#known = known
    return { consumers, streams: [...[...streams.values()].map(streamOf), await this.#letters(manager)] }
  }

  /**
   * The dead letters, by their number: to look up how many bytes they take is no app's right, since it holds up others.
   * How many there may be is as declared.
   */
  async #letters(manager: JetStreamManager): Promise<WatchedStream> {
    const stream = deadLetterStreamName(this.#stream.name)
    const messages = await countLetters(manager, stream)
    const { max_msgs: most = 0 } = withCompanions(this.#stream).find(({ name }) => name === stream) ?? {}
    return { stream, messages, fill: most > 0 ? messages / most : 0, refuses: true }
  }

  /** What the consumer missed for certain since the look before. */
  async #missed(
    { client, manager }: { readonly client: NatsConnection; readonly manager: JetStreamManager },
    info: ConsumerInfo,
    { before, after }: { readonly before: StreamInfo; readonly after: StreamInfo },
    known: Known,
  ): Promise<number> {
    const created = `${after.created} ${info.created}`
    const last = this.#known.get(info.name)
    const isSame = last?.created === created && info.delivered.consumer_seq >= last.deliveries
    const baselines = isSame ? last.baselines : new Baselines()
    known.set(info.name, { created, baselines, deliveries: info.delivered.consumer_seq })
    let missed = baselines.measure(findingOf(before, info))?.atLeast ?? 0
    if (missed === 0) {
      baselines.moveOn(after, info, baselineOf(after, info))
      return 0
    }
    await sleep(AGAIN_MS)
    const stream = await manager.streams.info(info.stream_name)
    const again = (await listConsumers(client, info.stream_name)).find(({ name }) => name === info.name)
    if (!again) return 0
    missed = baselines.measure(findingOf(stream, again))?.atLeast ?? 0
    baselines.reported(missed)
    baselines.moveOn(stream, again, baselineOf(await manager.streams.info(info.stream_name), again))
    return missed
  }
}

/** By consumer; those that are gone are forgotten. */
type Known = Map<string, { readonly created: string; readonly baselines: Baselines; readonly deliveries: number }>

function findingOf({ state, config }: StreamInfo, info: ConsumerInfo): Finding {
  const alone = config.subjects?.length === 1 && config.subjects[0] === info.config.filter_subject
  return {
    stream: { firstSeq: state.first_seq, lastSeq: state.last_seq, messages: state.messages, alone },
    consumer: {
      unread: info.num_pending,
      deliveries: info.delivered.consumer_seq,
      deliveredSeq: info.delivered.stream_seq,
    },
  }
}

function streamOf({ config, state }: StreamInfo): WatchedStream {
  const share = (held: number, most: number | undefined): number => (most !== undefined && most > 0 ? held / most : 0)
  const fill = Math.max(share(state.messages, config.max_msgs), share(state.bytes, config.max_bytes))
  const refuses = config.discard === DiscardPolicy.New
  return { stream: config.name, messages: state.messages, fill, refuses }
}
