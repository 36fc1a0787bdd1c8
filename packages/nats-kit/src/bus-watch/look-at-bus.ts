import { setTimeout as sleep } from 'node:timers/promises'
import type { Stream } from '@alarm-bus/contracts'
import { type ConsumerInfo, DiscardPolicy, type JetStreamManager, type StreamInfo } from '@nats-io/jetstream'
import { baselineOf, Baselines } from '../watchdog/baselines.ts'
import type { Finding } from '../watchdog/missed-messages.ts'
import { consumerListsOf, watchedStreams } from './watch-consumer.ts'

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
  readonly bytes: number
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
  async look(manager: JetStreamManager): Promise<WatchLook> {
    const { name: main } = this.#stream
    // The stream before its consumers: what arrives in between can hide a loss and never feign one.
    const streams = new Map<string, StreamInfo>()
    for (const name of watchedStreams(this.#stream)) streams.set(name, await manager.streams.info(name))
    const infos: ConsumerInfo[] = []
    for (const name of consumerListsOf(main)) infos.push(...(await consumersOf(manager, name)))
    const measured = { before: streams.get(main) as StreamInfo, after: await manager.streams.info(main) }
    const known: Known = new Map()
    const consumers: WatchedConsumer[] = []
    for (const info of infos.slice(0, MAX_CONSUMERS)) {
      const { stream_name: stream, name: consumer, num_pending: waiting, num_ack_pending: open, delivered } = info
      // A work queue gives up nothing by itself, and an ephemeral consumer is missed by nobody.
      const mayMiss = stream === main && info.config.durable_name !== undefined
      const missed = mayMiss ? await this.#missed(manager, info, measured, known) : 0
      const settled = delivered.consumer_seq - open
      consumers.push({ stream, consumer, waiting, open, settled, paused: info.paused === true, missed })
    }
    this.#known = known
    return { consumers, streams: [...streams.values()].map(streamOf) }
  }

  /** What the consumer missed for certain since the look before. */
  async #missed(
    manager: JetStreamManager,
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
    const again = (await consumersOf(manager, info.stream_name)).find(({ name }) => name === info.name)
    if (!again) return 0
    missed = baselines.measure(findingOf(stream, again))?.atLeast ?? 0
    baselines.reported(missed)
    baselines.moveOn(stream, again, baselineOf(await manager.streams.info(info.stream_name), again))
    return missed
  }
}

/** By consumer; those that are gone are forgotten. */
type Known = Map<string, { readonly created: string; readonly baselines: Baselines; readonly deliveries: number }>

async function consumersOf(manager: JetStreamManager, stream: string): Promise<readonly ConsumerInfo[]> {
  const found: ConsumerInfo[] = []
  for await (const info of manager.consumers.list(stream)) {
    found.push(info)
    if (found.length === MAX_CONSUMERS) break
  }
  return found
}

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
  return { stream: config.name, messages: state.messages, bytes: state.bytes, fill, refuses }
}
