const HEAD = Buffer.from('PUB ')
const TAIL = Buffer.from(' 4\r\n+ACK\r\n')
const INITIAL_BYTES = 4 * 1024

/** Bytes of a positive ack's body. */
export const ACK_BYTES = 4

/**
 * Frames of positive acks, gathered as the bytes that they are on the wire. As text each would be put together from
 * three pieces, copied into one string and encoded: more memory than the rest of a message costs here.
 */
export class AckFrames {
  /** Grows to what one turn needs, which its user bounds, and is used again by the next. */
  #bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES)
  #length = 0

  get byteLength(): number {
    return this.#length
  }

  add(reply: Uint8Array): void {
    const atMost = this.#length + HEAD.length + reply.length + TAIL.length
    if (atMost > this.#bytes.length) this.#grow(2 * atMost)
    const bytes = this.#bytes
    let at = this.#length
    // By hand, since it is shorter than what a call costs.
    for (let i = 0; i < HEAD.length; i++) bytes[at++] = HEAD[i] as number
    bytes.set(reply, at)
    at += reply.length
    for (let i = 0; i < TAIL.length; i++) bytes[at++] = TAIL[i] as number
    this.#length = at
  }

  /** What was gathered, and begins anew. */
  take(): Uint8Array {
    const frames = Buffer.from(this.#bytes.subarray(0, this.#length))
    this.#length = 0
    return frames
  }

  #grow(byteLength: number): void {
    const grown = Buffer.allocUnsafeSlow(byteLength)
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
  }
}
