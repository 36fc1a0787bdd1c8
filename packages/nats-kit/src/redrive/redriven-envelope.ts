import type { Msg } from '@nats-io/transport-node'
import { firstValue, type HeaderBlock, readHeaderBlock } from '../codec/header-block.ts'
import { matches } from '../consumers/consumer-fields.ts'
import { RedriveHeader } from '../dead-letters/redrive-headers.ts'
import { Envelope, type EnvelopeScope, type Redriven } from '../handling/envelope.ts'
import { originalOfCopy } from './redriven-message.ts'

/** Whose redriven messages they are. */
export interface RedrivenFor {
  readonly stream: string
  readonly consumer: string
  readonly subject: string
}

/**
 * A delivery of a redriven message, which shows the original: stream, sequence, subject, id, headers and time are those of
 * the message that had failed, so a handler that remembers what it handled recognises it. `deliveryCount` counts the
 * copy's deliveries, and the header `Redrive-Count` says that it is one.
 */
export class RedrivenEnvelope extends Envelope {
  readonly #for: RedrivenFor
  readonly #seq: number
  readonly #storedNanos: string
  readonly #count: number
  #original: ReturnType<typeof originalOfCopy> | undefined
  #shown: HeaderBlock | undefined

  constructor(message: Msg, scope: EnvelopeScope, of: RedrivenFor) {
    super(message, scope)
    this.#for = of
    // `redrive.<stream>.<consumer>.<sequence>.<nanos>.<count>`
    const [, , , seq = '', storedNanos = '', count = ''] = message.subject.split('.')
    this.#seq = Number(seq)
    this.#storedNanos = storedNanos
    this.#count = Number(count)
  }

  override get stream(): string {
    return this.#for.stream
  }

  override get consumer(): string {
    return this.#for.consumer
  }

  override get subject(): string {
    const filter = this.#for.subject
    if (!filter.includes('*')) return filter
    const original = firstValue(readHeaderBlock(super.headerBytes), RedriveHeader.Subject) ?? ''
    return matches(filter, original) ? original : filter
  }

  override get seq(): number {
    return this.#seq
  }

  override get storedNanos(): string {
    return this.#storedNanos
  }

  override get redriven(): Redriven {
    return { count: this.#count, stream: this.stream, seq: this.seq, storedNanos: this.storedNanos }
  }

  override get data(): Uint8Array {
    return this.#read().data
  }

  override get headerBytes(): Uint8Array | undefined {
    return this.#read().headerBytes
  }

  /** The original's, without which it would be another message, and before them how often it was redriven. */
  override get headers(): HeaderBlock {
    if (this.#shown) return this.#shown
    const original = readHeaderBlock(this.headerBytes)
    const own = [
      [RedriveHeader.Count, String(this.#count)],
      [RedriveHeader.Stream, this.stream],
      [RedriveHeader.Sequence, String(this.seq)],
      [RedriveHeader.StoredNanos, this.storedNanos],
    ] as const
    return (this.#shown = { ...original, lines: [...own, ...original.lines] })
  }

  /** A copy does not leave its stream by age, and has no time to live. */
  override leavesInMs(): number {
    return Number.POSITIVE_INFINITY
  }

  #read(): ReturnType<typeof originalOfCopy> {
    return (this.#original ??= originalOfCopy(readHeaderBlock(super.headerBytes), super.data))
  }
}
