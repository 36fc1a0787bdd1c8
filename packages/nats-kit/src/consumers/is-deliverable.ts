import type { Msg } from '@nats-io/transport-node'
import { firstValue, readHeaderBlock } from '../codec/header-block.ts'
import { bodyLengthOf, headerBytesOf, isOnSubject } from '../codec/received.ts'
import { matches } from './consumer-fields.ts'
import type { ConsumerSpec } from './consumer-spec.ts'

/** The server puts it on a delivery that it has stripped of its body, with the body's size. */
const STRIPPED_HEADER = 'Nats-Msg-Size'
const ACK = Buffer.from('+ACK')

/** Whose deliveries they are; the filter as it is on the wire too, since decoding each subject costs. */
export type DeliverableTo = Pick<ConsumerSpec, 'filterSubject' | 'workQueue'> & { readonly filterBytes: Uint8Array }

/**
 * Whether a delivery is one of this consumer's messages, as it was stored. One of another subject, or without its body,
 * comes of a consumer that another tool has changed: it must reach no handler, and is no dead letter.
 *
 * @param isFit whether the consumer was as declared when it was last looked at.
 */
export function isDeliverable(message: Msg, spec: DeliverableTo, isFit: boolean): boolean {
  const { filterSubject, filterBytes, workQueue } = spec
  if (!isOnSubject(message, filterBytes) && !matches(filterSubject, message.subject)) {
    // It is another consumer's. In a work queue an ack would take it from that one; there it is left alone.
    if (workQueue !== true) acknowledge(message)
    return false
  }
  // Without an answer it is redelivered after its ack wait, with its body once the consumer is put right. One that
  // comes of a consumer as it should be is what another client stored, whatever its header says.
  return bodyLengthOf(message) > 0 || !isStripped(message) || (isFit && isRedelivered(message))
}

/** Never throws: its caller is the client's reader. */
function acknowledge(message: Msg): void {
  try {
    if (message.reply) message.respond(ACK)
  } catch {
    // The connection is closed, and the message redelivered.
  }
}

function isRedelivered({ reply = '' }: Msg): boolean {
  const tokens = reply.split('.')
  return Number(tokens[tokens.length >= 11 ? 6 : 4]) > 1
}

function isStripped(message: Msg): boolean {
  return Number(firstValue(readHeaderBlock(headerBytesOf(message)), STRIPPED_HEADER) || 0) > 0
}
