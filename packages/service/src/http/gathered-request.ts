import { IncomingMessage } from 'node:http'

/** What waits to be read in one piece, in bytes. A piece at least as large stays as it is. */
const MAX_GATHERED_BYTES = 16_384

/**
 * A request whose body comes in few pieces, however small the HTTP chunks and packets that carry it. Node makes a Buffer
 * of each, which costs half a kilobyte beside its bytes, and its limits count the bytes alone: a body of one-byte chunks
 * took 500 times its size, read or unread.
 *
 * - What arrives in one turn of the event loop is one piece.
 * - What arrives while a piece waits to be read is put behind that: a body that is not read is a handful of pieces.
 * - A body that arrives whole is passed on as it is, and at once.
 */
export class GatheredRequest extends IncomingMessage {
  #held: Buffer | undefined
  #heldBytes = 0
  /** Whether `#held` is a Buffer of our own with room behind its bytes. */
  #isOwn = false
  #isScheduled = false

  override push(piece: Buffer | null): boolean {
    if (piece === null) {
      this.#passOn()
      return super.push(null)
    }
    // What most bodies are: nothing comes that it would have to wait for.
    if (piece.length === Number(this.headers['content-length'])) return super.push(piece)
    if (this.#heldBytes + piece.length > MAX_GATHERED_BYTES) this.#passOn()
    this.#hold(piece)
    if (!this.#isScheduled) {
      this.#isScheduled = true
      if (inTurn.length === 0) setImmediate(endTurn)
      inTurn.push(this)
    }
    return this.readableLength + this.#heldBytes < this.readableHighWaterMark
  }

  override read(size?: number): Buffer | null {
    const piece = super.read(size) as Buffer | null
    if (this.readableLength === 0 && !this.#isScheduled) this.#passOn()
    return piece
  }

  /** Called once when the turn that brought a piece is over. */
  endTurn(): void {
    this.#isScheduled = false
    // The reader of what waits comes for the rest too.
    if (this.readableLength === 0) this.#passOn()
  }

  #hold(piece: Buffer): void {
    if (this.#held === undefined) {
      this.#held = piece
      this.#heldBytes = piece.length
      return
    }
    if (!this.#isOwn) {
      const own = Buffer.allocUnsafe(MAX_GATHERED_BYTES)
      this.#held.copy(own)
      this.#held = own
      this.#isOwn = true
    }
    piece.copy(this.#held, this.#heldBytes)
    this.#heldBytes += piece.length
  }

  #passOn(): void {
    const held = this.#held
    if (held === undefined) return
    const piece = this.#isOwn ? held.subarray(0, this.#heldBytes) : held
    this.#held = undefined
    this.#heldBytes = 0
    this.#isOwn = false
    super.push(piece)
  }
}

/** Those that got a piece in this turn. Node runs its ticks after each piece, so that only the loop's turn gathers any. */
let inTurn: GatheredRequest[] = []

function endTurn(): void {
  const requests = inTurn
  inTurn = []
  for (const request of requests) request.endTurn()
}
