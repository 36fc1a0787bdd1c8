import { createHash } from 'node:crypto'
import { EncodedHeaders, HeaderName, headerLine } from '../codec/headers.ts'
import type { SizedText } from '../codec/sized-text.ts'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { JetStreamCode } from '../jetstream-codes.ts'
import {
  CLAIM_MARGIN_MS,
  idempotencyLookupSubject,
  idempotencyStreamName,
  idempotencySubject,
} from '../streams/companion-streams.ts'
import { indexedError } from './indexed-error.ts'
import type { Route } from './message-route.ts'
import type { PublisherHealth } from './publisher-health.ts'
import type { StoredSenderOptions } from './stored-ack.ts'
import { StoredSender } from './stored-sender.ts'

/** The header in which a direct get says that nothing is there. */
const NOT_FOUND = 404
/** How long a look at a claim may take, in milliseconds: it takes a moment, and one that takes longer lost its answer. */
const LOOKUP_MS = 5_000
/** Each is lost to another publish of the same id, which is rare. */
const MAX_ROUNDS = 5
/** Ids of one batch that are claimed at the same time. */
const CLAIMS_AT_ONCE = 64

/** A message that an id is to stand for. */
export interface ClaimedMessage {
  readonly id: string
  readonly payload: SizedText
}

interface HeldClaim {
  readonly fingerprint: string
  readonly seq: number
}

/**
 * Holds each id to one message. JetStream alone answers a second message of an id with `duplicate: true` and drops it,
 * whatever it says. Here the first publish under an id leaves a fingerprint of channel, message and TTL beside the
 * stream, before the message itself; another fingerprint under the same id is refused.
 *
 * A claim is written anew by each publish that matches it. It outlives the message of that publish in the duplicate window
 * for as long as all attempts together are shorter than the claim's margin, which the constructor sees to. It survives
 * restarts and holds across replicas.
 */
export class Claims {
  readonly #connection: Connection
  readonly #sender: StoredSender

  /** @throws KitError `invalid_options` for a budget that a claim does not outlive. */
  constructor(connection: Connection, options: StoredSenderOptions, health: PublisherHealth) {
    this.#connection = connection
    this.#sender = new StoredSender(connection, options, {
      get storedCount() {
        return health.storedCount
      },
      // A claim is no message.
      stored: () => undefined,
      failed: (failure) => health.failed(failure),
    })
    if (this.#sender.budgetMs >= CLAIM_MARGIN_MS) {
      throw new KitError(
        KitErrorCode.InvalidOptions,
        `budgetMs ${this.#sender.budgetMs} must be below ${CLAIM_MARGIN_MS} with idempotency: the claim on an id would end before the broker forgets it`,
      )
    }
  }

  get inbox(): StoredSender['inbox'] {
    return this.#sender.inbox
  }

  close(): Promise<void> {
    return this.#sender.close()
  }

  /**
   * Resolves when the id stands for this message, until after the broker has forgotten it.
   *
   * @throws KitError `idempotency_conflict` when it stands for another; else as `StoredSender.send`.
   */
  async hold(route: Route, message: ClaimedMessage, ttlSeconds: number | undefined, endsAt: number): Promise<void> {
    const { stream } = route
    const leftMs = (): number => Math.max(1, endsAt - performance.now())
    const subject = idempotencySubject(stream, sha256(message.id))
    const fingerprint = fingerprintOf(route, message.payload, ttlSeconds)
    let seen: HeldClaim | undefined
    for (let round = 0; round < MAX_ROUNDS; round++) {
      if (await this.#put(stream, subject, fingerprint, seen?.seq ?? 0, leftMs())) return
      const held = await this.#read(stream, subject, leftMs())
      if (held !== undefined && held.fingerprint !== fingerprint) {
        throw new KitError(
          KitErrorCode.IdempotencyConflict,
          `id ${JSON.stringify(message.id)} stands for another message; use a new id, or send the same message again`,
        )
      }
      // Written by another publish of the same message since this one looked: as good as its own.
      if (held && seen && held.seq > seen.seq) return
      seen = held
    }
    throw new KitError(
      KitErrorCode.BrokerUnavailable,
      `the claim on id ${JSON.stringify(message.id)} cannot be settled now; try again`,
    )
  }

  /** The same for each message of a batch. What was claimed before one of them fails stays claimed for its message. */
  async holdAll(
    route: Route,
    messages: readonly ClaimedMessage[],
    ttlSeconds: number | undefined,
    endsAt: number,
  ): Promise<void> {
    let next = 0
    const work = async (): Promise<void> => {
      while (next < messages.length) {
        const index = next++
        try {
          await this.hold(route, messages[index] as ClaimedMessage, ttlSeconds, endsAt)
        } catch (error) {
          next = messages.length
          throw indexedError(error, index)
        }
      }
    }
    await Promise.all(Array.from({ length: Math.min(CLAIMS_AT_ONCE, messages.length) }, work))
  }

  /** Writes on the condition that the subject's last message is that one. @returns false when it is not. */
  async #put(
    stream: string,
    subject: string,
    fingerprint: string,
    lastSeq: number,
    timeoutMs: number,
  ): Promise<boolean> {
    const headers = new EncodedHeaders(
      headerLine(HeaderName.ExpectedStream, idempotencyStreamName(stream)) +
        headerLine(HeaderName.ExpectedLastSubjectSequence, lastSeq),
    )
    try {
      await this.#sender.send(subject, headers, Buffer.from(fingerprint, 'latin1'), timeoutMs)
      return true
    } catch (error) {
      if (KitError.is(error) && error.brokerCode === JetStreamCode.WrongLastSequence) return false
      throw error
    }
  }

  async #read(stream: string, subject: string, timeoutMs: number): Promise<HeldClaim | undefined> {
    const unreadable = (why: string, cause?: unknown): KitError =>
      new KitError(KitErrorCode.BrokerUnavailable, `the claim behind this id cannot be read now${why}; try again`, {
        cause,
      })
    let status: number | undefined
    try {
      const lookup = idempotencyLookupSubject(stream, subject)
      const message = await this.#connection.client.request(lookup, undefined, {
        timeout: Math.max(1, Math.min(LOOKUP_MS, timeoutMs)),
      })
      status = message.headers?.code
      if (!status) return { fingerprint: message.string(), seq: Number(message.headers?.get('Nats-Sequence')) }
    } catch (error) {
      throw unreadable('', error)
    }
    if (status === NOT_FOUND) return undefined
    throw unreadable(`: the broker answered ${status}`)
  }
}

function fingerprintOf({ channel }: Route, payload: SizedText, ttlSeconds: number | undefined): string {
  // The encoded form has the schema's order of fields, whatever the caller's was.
  return sha256(`${channel}\n${ttlSeconds ?? ''}\n${Buffer.from(payload.text).toString('latin1')}`)
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
