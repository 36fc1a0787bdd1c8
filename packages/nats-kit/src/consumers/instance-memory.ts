import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream'
import { redriveConsumerName, redriveStreamName } from '../streams/companion-streams.ts'
import { noteText, type PositionNote, readNote } from '../watchdog/position-note.ts'
import type { ConsumerSpec } from './consumer-spec.ts'
import { findConsumer } from './ensure-consumer.ts'

/**
 * How far an instance had come whose consumer the broker removes while it is away. It is noted on the instance's
 * consumer of redriven messages, which the broker keeps for longer, so that it goes on there when it returns.
 */
export class InstanceMemory {
  readonly #stream: string
  readonly #consumer: string
  #kept: string | undefined

  constructor({ stream, name }: ConsumerSpec) {
    this.#stream = redriveStreamName(stream)
    this.#consumer = redriveConsumerName(name)
  }

  /** What was noted; undefined of an instance that was never here, or for longer than the broker remembers. */
  async recall(manager: JetStreamManager): Promise<PositionNote | undefined> {
    return readNote((await this.#find(manager))?.config.metadata)
  }

  async keep(manager: JetStreamManager, note: PositionNote): Promise<void> {
    const text = noteText(note)
    const isSame = JSON.stringify(text) === this.#kept
    const info = isSame ? undefined : await this.#find(manager)
    if (!info) return
    await manager.consumers.update(this.#stream, this.#consumer, { metadata: { ...info.config.metadata, ...text } })
    this.#kept = JSON.stringify(text)
  }

  #find(manager: JetStreamManager): Promise<ConsumerInfo | undefined> {
    return findConsumer(manager, this.#stream, this.#consumer)
  }
}
