import { nuid } from '@nats-io/transport-node'
import { EncodedHeaders, HeaderName, headerLine } from '../codec/headers.ts'
import type { Connection } from '../connection/connection.ts'
import { errorText, KitError, KitErrorCode } from '../errors.ts'
import { JetStreamCode } from '../jetstream-codes.ts'
import type { StoredSenderOptions } from '../publish/stored-ack.ts'
import { StoredSender } from '../publish/stored-sender.ts'
import { onceLookupSubject } from '../streams/once-bucket.ts'

const NOT_FOUND = 404
const MAX_LOOKUP_MS = 5_000

/** The last message on a subject; sequence 0 and no value where there is none. */
export interface StoredRecord {
  readonly value: string | undefined
  readonly seq: number
  /** When it was stored. */
  readonly at: Date
}

/**
 * Records in a stream's KV bucket, each written on the condition that no other instance wrote it since. Written through the
 * kit's own sender, which outlasts a lost connection.
 */
export class ConditionalRecords {
  readonly #connection: Connection
  readonly #sender: StoredSender
  readonly #lookupTimeoutMs: number

  /** @throws KitError `invalid_options`. */
  constructor(connection: Connection, options: StoredSenderOptions = {}) {
    this.#connection = connection
    this.#sender = new StoredSender(connection, options)
    this.#lookupTimeoutMs = Math.min(MAX_LOOKUP_MS, this.#sender.budgetMs)
  }

  /**
   * Writes if the subject's last message has the sequence `lastSeq`, 0 for none.
   *
   * @returns the new sequence, undefined where another message is the last.
   * @throws KitError as `StoredSender.send`.
   */
  async put(subject: string, value: string, lastSeq: number, ttlSeconds?: number): Promise<number | undefined> {
    const headers =
      headerLine(HeaderName.ExpectedLastSubjectSequence, lastSeq) +
      // A repeated attempt of the sender's is a duplicate, and not another app's message.
      headerLine(HeaderName.MessageId, nuid.next()) +
      (ttlSeconds === undefined ? '' : headerLine(HeaderName.Ttl, `${ttlSeconds}s`))
    try {
      return (await this.#sender.send(subject, new EncodedHeaders(headers), Buffer.from(value))).seq
    } catch (error) {
      if (KitError.is(error) && error.brokerCode === JetStreamCode.WrongLastSequence) return undefined
      throw error
    }
  }

  /** @throws KitError `broker_unavailable`. */
  async read(stream: string, subject: string): Promise<StoredRecord> {
    try {
      const lookup = onceLookupSubject(stream, subject)
      const message = await this.#connection.client.request(lookup, undefined, { timeout: this.#lookupTimeoutMs })
      if (message.headers?.code === NOT_FOUND) return { value: undefined, seq: 0, at: new Date(0) }
      return {
        value: message.string(),
        seq: Number(message.headers?.get('Nats-Sequence')),
        at: new Date(message.headers?.get('Nats-Time-Stamp') ?? 0),
      }
    } catch (error) {
      throw new KitError(KitErrorCode.BrokerUnavailable, `a record cannot be read now: ${errorText(error)}`, {
        cause: error,
      })
    }
  }

  async close(): Promise<void> {
    await this.#sender.close()
  }
}
