import type { JetStreamManager } from '@nats-io/jetstream'
import type { Connection } from '../connection/connection.ts'
import { redriveConsumerName, redriveStreamName } from '../streams/companion-streams.ts'
import { listConsumers } from '../streams/list-all.ts'

/**
 * Keeps one consumer that does not read from taking the room of the others in the stream of redriven messages. Half of
 * it is for all; of the other half each consumer has the same part, counted in messages of the largest size.
 */
export class RedriveRoom {
  readonly #connection: Connection
  readonly #manager: JetStreamManager
  readonly #maxPayload: number
  readonly #name: string
  /** Messages that fit into the common half for certain, as far as was seen. */
  #free = 0

  constructor(connection: Connection, manager: JetStreamManager, stream: string, maxPayload: number) {
    this.#connection = connection
    this.#manager = manager
    this.#name = redriveStreamName(stream)
    this.#maxPayload = maxPayload
  }

  /** To be asked before each message. */
  async has(consumer: string): Promise<boolean> {
    if (this.#free-- > 0) return true
    const { config, state } = await this.#manager.streams.info(this.#name)
    const halfBytes = config.max_bytes > 0 ? config.max_bytes / 2 : Number.POSITIVE_INFINITY
    const halfMessages = config.max_msgs > 0 ? config.max_msgs / 2 : Number.POSITIVE_INFINITY
    const freeBytes = Math.floor((halfBytes - state.bytes) / this.#maxPayload)
    this.#free = Math.min(freeBytes, Math.floor(halfMessages - state.messages))
    if (this.#free-- > 0) return true
    const part = Math.min(halfBytes / this.#maxPayload, halfMessages) / Math.max(1, state.consumer_count)
    const readers = await listConsumers(this.#connection.client, this.#name)
    const reader = readers.find(({ name }) => name === redriveConsumerName(consumer))
    if (!reader) return false
    return reader.num_pending + reader.num_ack_pending < Math.max(1, Math.floor(part))
  }
}
