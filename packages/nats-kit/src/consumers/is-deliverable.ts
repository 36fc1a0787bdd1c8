import type { Msg } from '@nats-io/transport-node'
import { matches } from './consumer-fields.ts'
import type { ConsumerSpec } from './consumer-spec.ts'

/** The server puts it on a delivery that it has stripped of its body, with the body's size. */
const STRIPPED_HEADER = 'Nats-Msg-Size'
const ACK = Buffer.from('+ACK')

/**
 * Whether a delivery is one of this consumer's messages, as it was stored. One of another subject, or without its body,
 * comes of a consumer that another tool has changed: it must reach no handler, and is no dead letter.
 *
 * @param isFit whether the consumer was as declared when it was last looked at.
 */
export function isDeliverable(message: Msg, { filterSubject, workQueue }: ConsumerSpec, isFit: boolean): boolean {
  const { subject } = message
  if (subject !== filterSubject && !matches(filterSubject, subject)) {
    // It is another consumer's. In a work queue an ack would take it from that one; there it is left alone.
    if (workQueue !== true && message.reply) message.respond(ACK)
    return false
  }
  // Without an answer it is delivered again after its ack wait, with its body once the consumer is put right. One that
  // comes of a consumer as it should be is what another client stored, whatever its header says.
  return message.data.length > 0 || !isStripped(message) || (isFit && isRedelivered(message))
}

function isRedelivered({ reply = '' }: Msg): boolean {
  const tokens = reply.split('.')
  return Number(tokens[tokens.length >= 11 ? 6 : 4]) > 1
}

/** Headers that cannot be read are what another client wrote: then nothing says that there was a body. */
function isStripped(message: Msg): boolean {
  try {
    return Number(message.headers?.get(STRIPPED_HEADER) || 0) > 0
  } catch {
    return false
  }
}
