import type { StoredMsg } from '@nats-io/jetstream'
import type { MsgHdrs } from '@nats-io/transport-node'
import { DeadLetterHeader } from '../codec/headers.ts'
import { RedriveHeader } from '../redrive/redrive-headers.ts'

/** A stored dead letter without its body. */
export interface DeadLetterEntry {
  /** The letter's own sequence in the stream of dead letters: what it is shown and discarded by. */
  readonly seq: number
  /** When the letter was stored. */
  readonly storedAt: Date
  readonly channel: string
  /** Who failed. From the letter's subject, which the broker holds each app to, and not from a header. */
  readonly consumer: string
  readonly reason: string
  readonly error: string
  /** How often the consumer had been given the message. */
  readonly deliveries: number
  /** How often the message was redriven before this letter. */
  readonly redrives: number
  /** Identity of the message itself. */
  readonly original: { readonly stream: string; readonly seq: number; readonly storedNanos: string }
  /** Bytes of the body. */
  readonly size: number
  /** The original left its stream before it could be kept: there is nothing to redrive. */
  readonly lost: boolean
}

/** A dead letter as it is stored: what is known of it, and the original's bytes and headers. */
export interface StoredDeadLetter {
  readonly entry: DeadLetterEntry
  readonly headers: MsgHdrs
  readonly data: Uint8Array
}

/** Reads a letter; undefined for a message that is none, whoever put it there. */
export function readDeadLetter(stored: StoredMsg): StoredDeadLetter | undefined {
  const [, stream, consumer, originalSeq, letterNanos, ...rest] = stored.subject.split('.')
  if (!stream || !consumer || !originalSeq || !letterNanos || rest.length > 0) return undefined
  const seq = wholeNumber(originalSeq)
  if (seq === undefined || wholeNumber(letterNanos) === undefined) return undefined
  const headers = stored.header
  const text = (name: string): string => (headers.has(name) ? headers.get(name) : '')
  const { data } = stored
  const entry: DeadLetterEntry = {
    seq: stored.seq,
    storedAt: stored.time,
    channel: text(DeadLetterHeader.Channel),
    consumer,
    reason: text(DeadLetterHeader.Reason),
    error: text(DeadLetterHeader.Error),
    deliveries: wholeNumber(text(DeadLetterHeader.Deliveries)) ?? 0,
    redrives: wholeNumber(text(RedriveHeader.Count)) ?? 0,
    original: {
      stream,
      seq,
      // The letter of a redriven message is called after the copy's time.
      storedNanos: digits(text(RedriveHeader.StoredNanos)) ?? letterNanos,
    },
    size: data.length,
    lost: text(DeadLetterHeader.Lost) === 'true',
  }
  return { entry, headers, data }
}

function digits(text: string): string | undefined {
  return /^\d{1,20}$/.test(text) ? text : undefined
}

/** Digits alone, as they become part of a subject. */
export function wholeNumber(text: string): number | undefined {
  return digits(text) === undefined ? undefined : Number(text)
}
