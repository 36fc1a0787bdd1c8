import type { Msg } from '@nats-io/transport-node'

/** Why a source stopped delivering. */
export type SourceEnd =
  /** The consumer, or its stream, is not there any more. */
  | { readonly kind: 'gone'; readonly detail: string }
  /** Nothing is heard from the broker although something should be. */
  | { readonly kind: 'silent'; readonly detail: string }
  /** The connection was lost and is back, or the broker moved the consumer: start again at once. */
  | { readonly kind: 'moved'; readonly detail: string }
  /** The broker refuses what was asked. */
  | { readonly kind: 'refused'; readonly detail: string }
  /** Asked to stop. */
  | { readonly kind: 'stopped'; readonly detail: string }

/** One way to get a consumer's messages. Used once: after its end another one is made. */
export interface DeliverySource {
  /** Starts to deliver. Resolves with the reason when it has ended; never rejects. */
  run(): Promise<SourceEnd>
  /** A message was finished, so there may be room for more. */
  askForMore(): void
  /** Ends the source from outside, for instance because the consumer turned out to be gone. */
  end(reason: SourceEnd): void
  /** Asks for nothing more and resolves when what was on its way has been delivered. */
  stop(): Promise<void>
}

export interface SourceContext {
  /** Takes one delivery, and when it was received on the clock of `performance.now()`; never throws. */
  readonly onMessage: (message: Msg, now: number) => void
  /** How many messages are with handlers now. */
  readonly running: () => number
  /** Whether nothing new is to be asked for at the moment; `askForMore` says when that is over. */
  readonly isHeld: () => boolean
  readonly stream: string
  readonly consumer: string
  /** How often the broker says that it is there, in milliseconds. */
  readonly idleHeartbeatMs: number
  /** The bound of all that is asked for, buffered or running. */
  readonly concurrency: number
}
