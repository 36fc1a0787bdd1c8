/** So many blank lines count as a message: who sets messages apart by some is not charged for them. */
const BLANK_LINES_A_MESSAGE = 100

/** Meters what is read and becomes no message: blank lines, bytes between messages, what is too long to be one. */
export class PassedOver {
  readonly #maxMessageBytes: number
  #bytes = 0

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes
  }

  add(bytes: number, blankLines = 0): void {
    this.#bytes += bytes + (blankLines * this.#maxMessageBytes) / BLANK_LINES_A_MESSAGE
  }

  /** How many messages it counts as since the last call; what is left over counts with the next. */
  takeMessages(): number {
    const messages = Math.floor(this.#bytes / this.#maxMessageBytes)
    this.#bytes -= messages * this.#maxMessageBytes
    return messages
  }
}
