import { DeadLetterReason } from '@alarm-bus/nats-kit'
import type { StoredMsg } from '@nats-io/jetstream'

/** What the server said when it stopped delivering a message to a consumer. */
export interface Advisory {
  readonly stream: string
  readonly consumer: string
  readonly seq: number
  readonly deliveries: number
  /** By the server's clock, in milliseconds of the Unix epoch. */
  readonly atMs: number
  /**
   * - `given_up`: its last delivery was not answered.
   * - `terminated`: something other than the kit ended it.
   * - `settled`: the kit ended it, which it does once the dead letter is stored.
   * - `removed`: it left the stream while it was with a consumer.
   */
  readonly end: 'given_up' | 'terminated' | 'settled' | 'removed'
  /** In words, as a dead letter has it. */
  readonly error: string
}

/** The reasons of the kit's own terms. */
const { TerminatedElsewhere: _, ...own } = DeadLetterReason
const OWN_REASONS = new Set<string>(Object.values(own))
/** The server's, when a message is deleted that a consumer has. */
const REMOVED = new Set(['Message deleted by stream limits', 'Unacknowledged message was deleted'])

/** Undefined for what the server does not write. */
export function readAdvisory({ data, time }: StoredMsg): Advisory | undefined {
  let read: Record<string, unknown>
  try {
    read = Object(JSON.parse(Buffer.from(data).toString('utf8'))) as Record<string, unknown>
  } catch {
    return undefined
  }
  const { type, stream, consumer, stream_seq: seq, deliveries, reason = '', timestamp } = read
  if (typeof stream !== 'string' || typeof consumer !== 'string' || !Number.isSafeInteger(seq)) return undefined
  const atMs = Date.parse(String(timestamp))
  return {
    stream,
    consumer,
    seq: seq as number,
    deliveries: Number(deliveries) || 0,
    atMs: Number.isNaN(atMs) ? time.getTime() : atMs,
    ...endOf(String(type), String(reason), Number(deliveries) || 0),
  }
}

function endOf(type: string, reason: string, deliveries: number): Pick<Advisory, 'end' | 'error'> {
  if (!type.includes('terminated')) {
    const error = `no answer to ${deliveries} deliveries: the process died, or the handler hung`
    return { end: 'given_up', error }
  }
  const error = `terminated: ${reason || 'no reason given'}`
  if (OWN_REASONS.has(reason)) return { end: 'settled', error }
  return { end: REMOVED.has(reason) ? 'removed' : 'terminated', error }
}
