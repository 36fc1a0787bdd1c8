/** A JetStream delivery is answered on a subject that begins with this; anything else is a status of the broker's. */
export const ACK_PREFIX = '$JS.ACK.'

/** Bits of what `AckNumbers` tells. */
export const FIRST_OF_MESSAGE = 1
export const FIRST_OF_CONSUMER = 2

const PREFIX = Buffer.from(ACK_PREFIX)
const ONE = '1'.charCodeAt(0)
const DOT = '.'.charCodeAt(0)

/** How the ack subjects of a consumer's deliveries begin, up to the count of deliveries. */
export function ackHead(stream: string, consumer: string): string {
  return `${ACK_PREFIX}${stream}.${consumer}.`
}

/** Whether what is answered on this subject is a delivery. */
export function isAckSubject(reply: Uint8Array): boolean {
  if (reply.length < PREFIX.length) return false
  // By hand, since it is shorter than what a call costs.
  for (let i = 0; i < PREFIX.length; i++) if (reply[i] !== PREFIX[i]) return false
  return true
}

/**
 * Reads the numbers of one consumer's deliveries that are looked at each time, from the bytes of the ack subject. Two
 * shapes: `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<nanos>.<pending>`, and the same with
 * `<domain>.<account>` after `ACK` and one token at the end. What stands before the numbers is the same each time.
 */
export class AckNumbers {
  /** What stands right before them. */
  readonly #owner: Uint8Array
  /** Where they begin; right behind a dot as long as it is. */
  #at = 0

  constructor(stream: string, consumer: string) {
    this.#owner = Buffer.from(`.${stream}.${consumer}.`)
  }

  /** Whether it is this consumer's delivery; asked after `firstsOf`. */
  isOwn(reply: Uint8Array): boolean {
    return this.#isOwnBefore(reply, this.#at) || this.#isOwnBefore(reply, beginOfNumbers(reply))
  }

  #isOwnBefore(reply: Uint8Array, at: number): boolean {
    const owner = this.#owner
    const begin = at - owner.length
    // From the end, where consumers of one stream differ.
    for (let i = owner.length - 1; i >= 0; i--) if (reply[begin + i] !== owner[i]) return false
    return true
  }

  /** Bits that say whether it is the message's first delivery, and the first that its consumer ever made. */
  firstsOf(reply: Uint8Array): number {
    if (reply[this.#at - 1] !== DOT) this.#at = beginOfNumbers(reply)
    const deliveries = this.#at
    const consumerSeq = nextToken(reply, nextToken(reply, deliveries))
    return (isOne(reply, deliveries) ? FIRST_OF_MESSAGE : 0) | (isOne(reply, consumerSeq) ? FIRST_OF_CONSUMER : 0)
  }
}

function beginOfNumbers(reply: Uint8Array): number {
  const tokens = Buffer.from(reply).toString().split('.')
  let at = 0
  for (const token of tokens.slice(0, tokens.length >= 11 ? 6 : 4)) at += Buffer.byteLength(token) + 1
  return at
}

/** Where the token after the one at `from` begins. */
function nextToken(reply: Uint8Array, from: number): number {
  let end = from
  while (end < reply.length && reply[end] !== DOT) end++
  return end + 1
}

function isOne(reply: Uint8Array, at: number): boolean {
  return reply[at] === ONE && reply[at + 1] === DOT
}
