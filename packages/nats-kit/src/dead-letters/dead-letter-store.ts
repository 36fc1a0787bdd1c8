import {
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  type MsgRequest,
  type StoredMsg,
  type StreamInfo,
  type StreamInfoRequestOptions,
} from '@nats-io/jetstream'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { JetStreamCode } from '../jetstream-codes.ts'
import {
  deadLetterShareSubject,
  deadLetterSharesStreamName,
  deadLetterStreamName,
} from '../streams/companion-streams.ts'
import { unanswered } from '../streams/unanswered.ts'
import { type DeadLetterEntry, readDeadLetter, SHARES_FROM, type StoredDeadLetter } from './dead-letter-entry.ts'

const GONE: ReadonlySet<number> = new Set([JetStreamCode.MessageNotFound, JetStreamCode.SequenceNotFound])

/** A stream that holds dead letters, and how their numbers in it are told from those in the other. */
export interface LetterPlace {
  readonly name: string
  readonly numbersFrom: number
  /** The subject of a consumer's letters; `*` for all. */
  readonly subjectOf: (consumer: string) => string
}

/**
 * The stored dead letters of one stream, one request a letter: those that all apps have in one place, and those in the
 * consumers' shares. Through no consumer: nothing of the reader's stays on the broker, and the right to read is the right
 * to read these two streams alone.
 *
 * All methods throw KitError `stream_missing`, `permission_denied` or `broker_unavailable`.
 */
export class DeadLetterStore {
  readonly stream: string
  readonly common: LetterPlace
  readonly shares: LetterPlace
  readonly #manager: JetStreamManager
  /** By consumer, as they were when they were first asked for. */
  readonly #inShares = new Map<string, Promise<readonly DeadLetterEntry[]>>()

  private constructor(manager: JetStreamManager, stream: string) {
    this.#manager = manager
    this.stream = stream
    this.common = {
      name: deadLetterStreamName(stream),
      numbersFrom: 0,
      subjectOf: (consumer) => `dead-letter.${stream}.${consumer}.>`,
    }
    this.shares = {
      name: deadLetterSharesStreamName(stream),
      numbersFrom: SHARES_FROM,
      subjectOf: (consumer) => deadLetterShareSubject(stream, consumer),
    }
  }

  static async open(connection: Connection, stream: string): Promise<DeadLetterStore> {
    return new DeadLetterStore(await jetstreamManager(connection.client, { checkAPI: false, timeout: 5_000 }), stream)
  }

  /** Where the letter of that number is. */
  placeOf(number: number): LetterPlace {
    return number > SHARES_FROM ? this.shares : this.common
  }

  /** Number of the letter that was stored last; 0 where there are no shares, as on the broker of an older release. */
  async lastNumber(place: LetterPlace): Promise<number> {
    try {
      return place.numbersFrom + (await this.#lookUp(place)).state.last_seq
    } catch (error) {
      if (place === this.shares && KitError.is(error, KitErrorCode.StreamMissing)) return 0
      throw error
    }
  }

  async get(number: number): Promise<StoredDeadLetter | undefined> {
    const place = this.placeOf(number)
    if (place === this.shares && (await this.lastNumber(place)) === 0) return undefined
    const stored = await this.#message(place, { seq: number - place.numbersFrom })
    return stored ? this.#read(stored) : undefined
  }

  /** The first message of a place with a number from `from` to `last` and that subject; `letter` is undefined where it is none. */
  async next(
    place: LetterPlace,
    from: number,
    subject: string,
    last: number,
  ): Promise<{ readonly number: number; readonly letter: StoredDeadLetter | undefined } | undefined> {
    if (from > last) return undefined
    // The server knows this query, the client's types do not.
    const query: { readonly seq: number } = { seq: from - place.numbersFrom, ...{ next_by_subj: subject } }
    const stored = await this.#message(place, query)
    if (!stored || place.numbersFrom + stored.seq > last) return undefined
    return { number: place.numbersFrom + stored.seq, letter: await this.#read(stored) }
  }

  /** The other letters of the same message and consumer: of copies that were redriven and failed again. */
  async others({ seq, consumer, original }: DeadLetterEntry): Promise<readonly DeadLetterEntry[]> {
    // By the server's index of subjects: to look for the next one that matches, it reads through all that do not.
    const subjects_filter = `dead-letter.${this.stream}.${consumer}.${original.seq}.*`
    const info = await this.#lookUp(this.common, { subjects_filter })
    const subjects = Object.keys(info.state.subjects ?? {})
    const found = (await this.#lettersInShare(consumer)).filter((entry) => entry.original.seq === original.seq)
    if (subjects.length + found.length < 2) return []
    for (const last_by_subj of subjects) {
      const stored = await this.#message(this.common, { last_by_subj })
      const entry = stored ? readDeadLetter(stored)?.entry : undefined
      if (entry) found.push(entry)
    }
    return found.filter((entry) => entry.seq !== seq)
  }

  /** They are few. */
  #lettersInShare(consumer: string): Promise<readonly DeadLetterEntry[]> {
    const read = async (): Promise<DeadLetterEntry[]> => {
      const [found, last]: [DeadLetterEntry[], number] = [[], await this.lastNumber(this.shares)]
      for (let from = SHARES_FROM + 1; ;) {
        const next = await this.next(this.shares, from, this.shares.subjectOf(consumer), last)
        if (!next) return found
        from = next.number + 1
        if (next.letter) found.push(next.letter.entry)
      }
    }
    const known = this.#inShares.get(consumer) ?? read()
    this.#inShares.set(consumer, known)
    return known
  }

  /** The letter with the bytes that were stored before it, where there are some. */
  async #read(stored: StoredMsg): Promise<StoredDeadLetter | undefined> {
    const letter = readDeadLetter(stored)
    if (!letter || letter.parts.length === 0) return letter
    const parts: Uint8Array[] = []
    for (const range of letter.parts) {
      const last_by_subj = `${stored.subject}.${range}`
      const found = await this.#message(this.common, { last_by_subj })
      // One that is gone leaves nothing to redrive.
      if (!found) return { ...letter, entry: { ...letter.entry, lost: true } }
      parts.push(found.data)
    }
    return readDeadLetter(stored, parts)
  }

  /** The sequences of a letter's parts that are there. */
  async #partsOf(subject: string, parts: readonly string[]): Promise<readonly number[]> {
    const found: number[] = []
    for (const range of parts) {
      const last_by_subj = `${subject}.${range}`
      const stored = await this.#message(this.common, { last_by_subj })
      if (stored) found.push(stored.seq)
    }
    return found
  }

  /**
   * Removes a letter with its parts; false when it was gone already. With `erase` its bytes are overwritten, which took 23 ms in place
   * of 0.3; without, they go when the broker next compacts the file.
   */
  async remove({ entry, subject, parts }: StoredDeadLetter, erase: boolean): Promise<boolean> {
    // The parts first: a letter without them is found again, parts without their letter are not.
    for (const part of await this.#partsOf(subject, parts)) await this.#removeOne(this.common, part, erase)
    const place = this.placeOf(entry.seq)
    return this.#removeOne(place, entry.seq - place.numbersFrom, erase)
  }

  async #removeOne(place: LetterPlace, seq: number, erase: boolean): Promise<boolean> {
    return this.#ask(place, 'be removed from', async () => {
      try {
        return await this.#manager.streams.deleteMessage(place.name, seq, erase)
      } catch (error) {
        if (error instanceof JetStreamApiError && GONE.has(error.code)) return false
        // Also the answer where another run removes it at the same time.
        const isFailed = error instanceof JetStreamApiError && error.code === JetStreamCode.MessageDeleteFailed
        if (isFailed && !(await this.#manager.streams.getMessage(place.name, { seq }))) return false
        throw error
      }
    })
  }

  #message(place: LetterPlace, query: MsgRequest): Promise<StoredMsg | null> {
    return this.#ask(place, 'be read', () => this.#manager.streams.getMessage(place.name, query))
  }

  #lookUp(place: LetterPlace, query: Partial<StreamInfoRequestOptions> = {}): Promise<StreamInfo> {
    return this.#ask(place, 'be looked up', () => this.#manager.streams.info(place.name, query))
  }

  async #ask<T>({ name }: LetterPlace, what: string, request: () => Promise<T>): Promise<T> {
    try {
      return await request()
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === JetStreamCode.StreamNotFound) {
        throw new KitError(KitErrorCode.StreamMissing, `stream ${name} is not on the broker`, { cause: error })
      }
      throw unanswered(`stream ${name} cannot ${what}`, error)
    }
  }
}
