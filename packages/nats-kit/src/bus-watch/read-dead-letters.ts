import { type Msg, nuid } from '@nats-io/transport-node'
import { firstValue, readHeaderBlock } from '../codec/header-block.ts'
import { DeadLetterHeader } from '../codec/headers.ts'
import { headerBytesOf } from '../codec/received.ts'
import type { Connection } from '../connection/connection.ts'
import { guarded } from '../connection/guarded.ts'
import { errorText, KitError, KitErrorCode } from '../errors.ts'
import { ACK_PREFIX } from '../handling/ack-subject.ts'
import { nextSubject } from '../sources/next-subject.ts'
import { deadLetterShareSubject } from '../streams/companion-streams.ts'

/** A dead letter as a watch sees it: that it is there, whose it is and why, and nothing of its content. */
export interface DeadLetterNotice {
  /** Whether it went to its consumer's share, because the stream of dead letters was full. */
  readonly inShare: boolean
  /** The letter's own sequence in its stream. */
  readonly seq: number
  /** When it was stored, in nanoseconds of the Unix epoch. */
  readonly storedNanos: string
  readonly storedAt: Date
  /** Who failed. From the letter's subject, which the broker holds each app to. Text of others in a broker without users. */
  readonly consumer: string
  /** As the letter says it: one of `DeadLetterReason`, or what somebody else wrote. */
  readonly reason: string
}

/** How the subjects of letters in shares begin. */
const [SHARE] = deadLetterShareSubject('', '').split('.')
/** One request has its whole answer within this. */
const ANSWER_MS = 5_000

/** A cursor that was just set. */
export interface Cursor {
  readonly stream: string
  readonly consumer: string
  /** What it delivers has a higher sequence. */
  readonly after: number
  /** What it had to deliver then. */
  readonly waiting: number
}

/**
 * Asks a cursor for what it has, up to `batch`, and does not wait for more.
 *
 * @returns the letters in order; undefined where some did not arrive, as when another reader moved the cursor meanwhile.
 * @throws KitError `broker_unavailable`, `permission_denied`.
 */
export async function readFromCursor(
  connection: Connection,
  { stream, consumer, after, waiting }: Cursor,
  batch: number,
): Promise<readonly DeadLetterNotice[] | undefined> {
  const inbox = `${connection.inboxPrefix}.watch.${nuid.next()}`
  const notices: DeadLetterNotice[] = []
  let inOrder = true
  const ended = Promise.withResolvers<void>()
  const take = guarded(connection, { consumer }, (message) => {
    const delivery = deliveryOf(message)
    if (!delivery) {
      // 100 is a heartbeat; every other status is the last of an answer.
      if (message.headers?.code !== 100) ended.resolve()
      return
    }
    inOrder &&= delivery.consumerSeq === notices.length + 1 && delivery.streamSeq > after
    // Of one that was set to behind the place there is less to come.
    inOrder &&= notices.length + 1 + delivery.waiting >= waiting
    notices.push(noticeOf(message, delivery))
    if (notices.length === batch) ended.resolve()
  })
  const subscription = connection.client.subscribe(inbox, {
    callback: (error, message) => (error ? ended.reject(error) : take(message)),
  })
  const late = setTimeout(() => {
    inOrder = false
    ended.resolve()
  }, ANSWER_MS)
  try {
    const request = JSON.stringify({ batch, no_wait: true })
    connection.client.publish(nextSubject(stream, consumer), request, { reply: inbox })
    await ended.promise
    return inOrder ? notices : undefined
  } catch (error) {
    throw new KitError(
      /permissions violation/i.test(errorText(error)) ? KitErrorCode.PermissionDenied : KitErrorCode.BrokerUnavailable,
      `the dead letters of ${stream} cannot be watched: ${errorText(error)}`,
      { cause: error },
    )
  } finally {
    clearTimeout(late)
    if (!subscription.isClosed()) subscription.unsubscribe()
  }
}

interface Delivery {
  readonly streamSeq: number
  readonly consumerSeq: number
  readonly storedNanos: string
  /** What is to come after it. */
  readonly waiting: number
}

/** The numbers of the ack subject; undefined for a status. */
function deliveryOf({ reply }: Msg): Delivery | undefined {
  if (reply === undefined || !reply.startsWith(ACK_PREFIX)) return undefined
  const tokens = reply.split('.')
  // `$JS.ACK.<stream>.<consumer>.<deliveries>.…`, or with domain and account before the stream.
  const [, streamSeq, consumerSeq, nanos = '', waiting] = tokens.slice(tokens.length >= 11 ? 6 : 4)
  if (!Number.isSafeInteger(Number(streamSeq)) || !/^\d{7,19}$/.test(nanos)) return undefined
  const numbers = { streamSeq: Number(streamSeq), consumerSeq: Number(consumerSeq), waiting: Number(waiting) }
  return { ...numbers, storedNanos: nanos }
}

/** Never throws: the headers are whatever was stored. */
function noticeOf(message: Msg, { streamSeq, storedNanos }: Delivery): DeadLetterNotice {
  const storedAt = new Date(Number(storedNanos.slice(0, -6)))
  const [kind, , consumer = ''] = message.subject.split('.')
  const reason = firstValue(readHeaderBlock(headerBytesOf(message)), DeadLetterHeader.Reason) ?? ''
  const inShare = kind === SHARE
  return { inShare, seq: streamSeq, storedAt, storedNanos, consumer, reason }
}
