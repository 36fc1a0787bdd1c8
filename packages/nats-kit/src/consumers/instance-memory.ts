import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream'
import { redriveConsumerName, redriveStreamName } from '../streams/companion-streams.ts'
import type { Connection } from '../connection/connection.ts'
import { identityOf } from '../watchdog/consumer-identity.ts'
import { noteText, type PositionNote, readNote } from '../watchdog/position-note.ts'
import type { ConsumerSpec } from './consumer-spec.ts'
import { findConsumer } from './ensure-consumer.ts'
import { changeNotes, noted, type NotedConsumer } from './note-record.ts'

/**
 * How far a consumer had come that the broker removes while its instance is away, or that another tool makes again. It is
 * noted on the consumer of redriven messages, which is kept for longer.
 */
export class InstanceMemory {
  readonly #connection: Connection
  readonly #stream: string
  readonly #consumer: string
  #kept: string | undefined

  constructor(connection: Connection, { stream, name }: ConsumerSpec) {
    this.#connection = connection
    this.#stream = redriveStreamName(stream)
    this.#consumer = redriveConsumerName(name)
  }

  /**
   * What was noted of the stream as it is, here or with the consumer itself, whichever is further on; undefined of an
   * instance that was never here, or away for longer than the broker remembers.
   *
   * @param found the consumer; its own note is enough where it is of that very consumer.
   */
  async recall(
    manager: JetStreamManager,
    found: NotedConsumer | undefined,
    { created: streamCreated }: StreamInfo,
  ): Promise<PositionNote | undefined> {
    const own = found && readNote(found.notes)
    const isOwn = found !== undefined && own?.consumer?.created === identityOf(found).created
    const holder = isOwn ? undefined : await this.#find(manager)
    const kept = holder && readNote(holder.notes)
    const [note] = [own, kept]
      .filter((one) => one !== undefined)
      .filter((one) => one.streamCreated === streamCreated && one.settledUpTo !== undefined)
      .sort((a, b) => (b.settledUpTo ?? 0) - (a.settledUpTo ?? 0))
    return note
  }

  async keep(manager: JetStreamManager, note: PositionNote): Promise<void> {
    const text = noteText(note)
    const isSame = JSON.stringify(text) === this.#kept
    const info = isSame ? undefined : await this.#find(manager)
    if (!info) return
    await changeNotes(this.#connection, info, () => text)
    this.#kept = JSON.stringify(text)
  }

  async #find(manager: JetStreamManager): Promise<NotedConsumer | undefined> {
    const info = await findConsumer(manager, this.#stream, this.#consumer)
    return info && noted(this.#connection, info)
  }
}
