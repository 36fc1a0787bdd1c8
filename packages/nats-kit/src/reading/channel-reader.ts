import type { Channel } from '@alarm-bus/contracts'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { DirectBatches } from './direct-batches.ts'
import { type ReadItem, readItem } from './read-item.ts'
import type { ReadSettings } from './read-options.ts'
import { type StoredPlace, type StreamLook, StreamLooks } from './stream-looks.ts'

/** How often an idle live reader makes sure that the stream is still the same one. */
const IDLE_LOOK_MS = 5_000
/** Another replica may be behind for a moment; a stream that stays behind has lost messages. */
const BEHIND_MS = 30_000
/** Until a replica that is behind is asked again, or one that did not answer. */
const AGAIN_MS = 50

/**
 * One reading of a channel. A batch is fetched when the one before is used up, so what is ahead of the reader has a
 * bound; the position is the last sequence that was handed on, so whatever is lost on the way is asked for again.
 */
export class ChannelReader<C extends Channel> {
  readonly #channel: C
  readonly #stream: string
  readonly #settings: ReadSettings
  readonly #looks: StreamLooks
  readonly #batches: DirectBatches
  /** The first sequence that was not read; undefined as long as only a time is known. */
  #next: number | undefined
  #endSeq: number
  /** The last sequence that is known to have been stored. */
  #seen = 0
  #incarnation: string | undefined
  #lookedAt = 0
  #behindSince: number | undefined

  constructor(connection: Connection, channel: C, stream: string, settings: ReadSettings, signal: AbortSignal) {
    this.#channel = channel
    this.#stream = stream
    this.#settings = settings
    this.#looks = new StreamLooks(connection, stream, signal)
    this.#batches = new DirectBatches(connection, stream)
    this.#endSeq = settings.toSeq
    signal.addEventListener('abort', () => this.#batches.close(), { once: true })
  }

  async *items(): AsyncGenerator<ReadItem<C>, void> {
    try {
      yield* this.#read()
    } finally {
      this.#batches.close()
    }
  }

  async *#read(): AsyncGenerator<ReadItem<C>, void> {
    const { live, fromSeq, fromTime, pollMs } = this.#settings
    const began = await this.#look()
    this.#next = fromTime ? undefined : (fromSeq ?? Math.max(1, began.firstSeq))
    if (!live) this.#endSeq = Math.min(this.#endSeq, began.lastSeq)
    this.#seen = began.lastSeq
    while (this.#next === undefined ? this.#endSeq > 0 : this.#next <= this.#endSeq) {
      const { messages, outcome, pending } = await this.#batches.next(this.#request())
      await this.#looks.pause(0)
      if (messages.length > 0) {
        const look = await this.#look()
        for (const frame of messages) {
          yield* this.#gap(look, Math.min(frame.seq - 1, this.#endSeq))
          if (this.#isPast(frame)) return
          this.#next = frame.seq + 1
          this.#seen = Math.max(this.#seen, frame.seq)
          yield readItem(this.#channel, this.#stream, frame)
        }
      }
      if (outcome === 'lost') {
        await this.#looks.pause(AGAIN_MS)
        await this.#look()
      } else if (outcome === 'none' || pending === 0) {
        if (live) await this.#looks.pause(pollMs)
        const look = await this.#idleLook()
        if (look) yield* this.#gap(look, this.#endSeq)
        if (look && (await this.#isAtEnd(look))) return
        if (!live) await this.#looks.pause(AGAIN_MS)
      }
    }
  }

  #request() {
    const { maxMessages, maxBytes, fromTime } = this.#settings
    const from = this.#next === undefined ? { start_time: fromTime?.toISOString() ?? '' } : { seq: this.#next }
    return { batch: maxMessages, max_bytes: maxBytes, next_by_subj: this.#channel.subject, ...from }
  }

  #isPast({ seq, storedAt }: StoredPlace): boolean {
    return seq > this.#endSeq || storedAt.getTime() > this.#settings.toMs
  }

  /**
   * What left the stream from the position up to `to`. The look is later than the messages, so a gap may name sequences
   * that were removed just after the server had passed over them: told too often, and never not at all.
   */
  *#gap({ firstSeq }: StreamLook, to: number): Generator<ReadItem<C>, void> {
    const from = this.#next
    if (from === undefined || firstSeq <= from || to < from) return
    const last = Math.min(firstSeq - 1, to)
    this.#next = last + 1
    yield { kind: 'gap', stream: this.#stream, from, to: last }
  }

  /** Without an end there is nothing to find out but whether the stream is still the same one. */
  async #idleLook(): Promise<StreamLook | undefined> {
    const { live, toSeq, toMs } = this.#settings
    const isEndless = live && toSeq === Number.POSITIVE_INFINITY && toMs === Number.POSITIVE_INFINITY
    if (isEndless && performance.now() - this.#lookedAt < IDLE_LOOK_MS) return undefined
    return this.#look()
  }

  /** A replica that is behind has nothing more to send either, so the leader is asked. */
  async #isAtEnd({ lastSeq, nowMs }: StreamLook): Promise<boolean> {
    const { live, toMs, fromTime } = this.#settings
    const isStoredToEnd = lastSeq >= this.#endSeq || (live && nowMs > toMs)
    if (!isStoredToEnd) return false
    const found = await this.#looks.find(this.#channel.subject, this.#next)
    if (found === undefined || this.#isPast(found)) return true
    return this.#next === undefined && found.storedAt.getTime() < (fromTime?.getTime() ?? 0)
  }

  /** @throws KitError `stream_replaced`, `stream_different`, and those of {@link StreamLooks}. */
  async #look(): Promise<StreamLook> {
    const look = await this.#looks.look()
    this.#lookedAt = performance.now()
    if (!look.allowsDirect) {
      const why = `stream ${this.#stream} does not allow direct gets, which reading takes; \`pnpm ops apply\` turns them on`
      throw new KitError(KitErrorCode.StreamDifferent, why)
    }
    this.#incarnation ??= look.incarnation
    if (look.incarnation !== this.#incarnation) throw this.#replaced('was deleted and recreated')
    this.#assertNotBehind(look.lastSeq)
    return look
  }

  /** Sequences that were there, by what was read and by the end that was found at the beginning. */
  #assertNotBehind(lastSeq: number): void {
    if (lastSeq >= this.#seen) this.#behindSince = undefined
    else this.#behindSince ??= performance.now()
    if (this.#behindSince === undefined || performance.now() - this.#behindSince < BEHIND_MS) return
    throw this.#replaced(`ends at ${lastSeq}, before ${this.#seen},`)
  }

  #replaced(what: string): KitError {
    return new KitError(
      KitErrorCode.StreamReplaced,
      `stream ${this.#stream} ${what} while it was read; its sequences are others now, so begin again`,
    )
  }
}
