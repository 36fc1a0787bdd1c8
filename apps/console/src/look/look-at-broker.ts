import type { Contracts, Stream } from '@alarm-bus/contracts'
import type { Connection } from '@alarm-bus/nats-kit'
import {
  deadLetterSharesStreamName,
  deadLetterStreamName,
  listConsumers,
  lookAtStream,
  redriveStreamName,
} from '@alarm-bus/nats-kit/admin'

export type StreamInfo = NonNullable<Awaited<ReturnType<typeof lookAtStream>>>
export type ConsumerInfo = Awaited<ReturnType<typeof listConsumers>>[number]

/** One stream and what stands beside it, as the broker has it. */
export interface StreamLook {
  readonly stream: Stream
  /** With the number of messages on each of its subjects. Undefined where the broker has no such stream. */
  readonly info: StreamInfo | undefined
  readonly consumers: ReadonlyMap<string, ConsumerInfo>
  readonly redrivers: ReadonlyMap<string, ConsumerInfo>
  /** Dead letters by consumer. */
  readonly letters: ReadonlyMap<string, number>
}

export interface BrokerLook {
  readonly atMs: number
  readonly streams: readonly StreamLook[]
}

/** What changes with every letter that comes or goes. */
interface LetterMark {
  readonly mark: string
  readonly letters: ReadonlyMap<string, number>
  readonly countAgainAt: number
}

/** To count the letters of a full stream by subject takes the broker a while, so it rests so many times as long. */
const COUNT_REST_FACTOR = 20

/** Looks at the whole bus; about six requests for each stream. The letters are counted anew where their number moved. */
export class BrokerLooks {
  readonly #connection: Connection
  readonly #contracts: Contracts
  readonly #marks = new Map<string, LetterMark>()

  constructor(connection: Connection, contracts: Contracts) {
    this.#connection = connection
    this.#contracts = contracts
  }

  /** @throws KitError `broker_unavailable` or `permission_denied`. */
  async look(): Promise<BrokerLook> {
    const streams = await Promise.all(this.#contracts.streams.map((stream) => this.#lookAt(stream)))
    return { atMs: Date.now(), streams }
  }

  async #lookAt(stream: Stream): Promise<StreamLook> {
    const { client } = this.#connection
    const [info, consumers, redrivers, letters] = await Promise.all([
      lookAtStream(this.#connection, stream.name, '>'),
      listConsumers(client, stream.name),
      listConsumers(client, redriveStreamName(stream.name)),
      this.#lettersOf(stream.name),
    ])
    return { stream, info, consumers: byName(consumers), redrivers: byName(redrivers), letters }
  }

  async #lettersOf(stream: string): Promise<ReadonlyMap<string, number>> {
    const places = [
      { name: deadLetterStreamName(stream), subjects: `dead-letter.${stream}.*.*.*` },
      { name: deadLetterSharesStreamName(stream), subjects: `dead-letter-share.${stream}.*` },
    ]
    const states = await Promise.all(places.map(({ name }) => lookAtStream(this.#connection, name)))
    const mark = JSON.stringify(states.map((info) => info && [info.created, info.state.messages, info.state.last_seq]))
    const known = this.#marks.get(stream)
    if (known && (known.mark === mark || performance.now() < known.countAgainAt)) return known.letters
    const beganAt = performance.now()
    const letters = new Map<string, number>()
    for (const [index, { name, subjects }] of places.entries()) {
      if ((states[index]?.state.messages ?? 0) === 0) continue
      const info = await lookAtStream(this.#connection, name, subjects)
      for (const [subject, count] of Object.entries(info?.state.subjects ?? {})) {
        const consumer = subject.split('.')[2] ?? ''
        letters.set(consumer, (letters.get(consumer) ?? 0) + count)
      }
    }
    const endedAt = performance.now()
    this.#marks.set(stream, { mark, letters, countAgainAt: endedAt + (endedAt - beganAt) * COUNT_REST_FACTOR })
    return letters
  }
}

function byName(consumers: readonly ConsumerInfo[]): ReadonlyMap<string, ConsumerInfo> {
  return new Map(consumers.map((info) => [info.name, info]))
}
