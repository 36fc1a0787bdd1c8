const FIRST_BYTES = 1_024

/**
 * Bytes that come in pieces, copied into one buffer that grows with them up to a bound. No piece is kept: of a million
 * small ones there is one buffer, and a packet's memory is free again.
 */
export class BoundedBytes {
  readonly #maxBytes: number
  #buffer: Buffer = Buffer.alloc(0)
  /** More than the bound once it is passed: what is too long is only counted. */
  #length = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get length(): number {
    return this.#length
  }

  get isTooLong(): boolean {
    return this.#length > this.#maxBytes
  }

  add(piece: Buffer): void {
    const end = this.#length + piece.length
    if (end <= this.#maxBytes) {
      if (end > this.#buffer.length) this.#grow(end)
      piece.copy(this.#buffer, this.#length)
    } else if (this.#buffer.length > FIRST_BYTES) {
      this.#buffer = Buffer.alloc(0)
    }
    this.#length = end
  }

  /** What came so far. It is written over after `clear()`. */
  view(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  clear(): void {
    this.#length = 0
  }

  #grow(bytes: number): void {
    const size = Math.min(this.#maxBytes, Math.max(FIRST_BYTES, this.#buffer.length * 2, bytes))
    const grown = Buffer.allocUnsafe(size)
    this.#buffer.copy(grown, 0, 0, this.#length)
    this.#buffer = grown
  }
}
