import type { Msg } from '@nats-io/transport-node'

/** What the client keeps of a message before anybody asks. Fields of its class, absent from its type. */
interface Received {
  readonly _msg?: { readonly hdr: number; readonly subject?: Uint8Array; readonly reply?: Uint8Array }
  readonly _rdata?: Uint8Array
}

/**
 * The header block of a message as it came over the wire, undefined where it has none. Not through the client's
 * `headers`, which throws on names and values that the server stores.
 */
export function headerBytesOf(message: Msg): Uint8Array | undefined {
  const { _msg, _rdata } = message as unknown as Received
  return _msg !== undefined && _rdata !== undefined && _msg.hdr > 0 ? _rdata.subarray(0, _msg.hdr) : undefined
}

/** Bytes of a message's body, without making a view of it. */
export function bodyLengthOf(message: Msg): number {
  const { _msg, _rdata } = message as unknown as Received
  if (_msg === undefined || _rdata === undefined) return message.data.length
  return _rdata.length - Math.max(0, _msg.hdr)
}

/** Whether the message came on this subject, told without decoding it. */
export function isOnSubject(message: Msg, subject: Uint8Array): boolean {
  const { _msg } = message as unknown as Received
  const own = _msg?.subject
  if (own === undefined) return Buffer.from(message.subject).equals(subject)
  if (own.length !== subject.length) return false
  // By hand, since it is shorter than what a call costs; from the end, where subjects differ.
  for (let i = own.length - 1; i >= 0; i--) if (own[i] !== subject[i]) return false
  return true
}

/** Bytes of the subject that a message is answered on, empty where there is none. Decoding it costs more than an ack does. */
export function replyBytesOf(message: Msg): Uint8Array {
  const { _msg } = message as unknown as Received
  return _msg?.reply ?? Buffer.from(message.reply ?? '')
}

/** A message on bytes of its own, answered on `reply`. */
export function copiedMessage(message: Msg, reply: Uint8Array): Msg {
  const head = headerBytesOf(message)
  const bytes = Buffer.concat([...(head ? [head] : []), message.data])
  const received = { _msg: { hdr: head?.length ?? -1, reply: Buffer.from(reply) }, _rdata: bytes }
  const { subject, sid } = message
  return {
    subject,
    sid,
    reply: Buffer.from(reply).toString(),
    data: bytes.subarray(head?.length ?? 0),
    ...received,
  } as unknown as Msg
}
