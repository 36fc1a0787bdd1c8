import type { BenchMessage } from '../work/contracts.ts'
import type { Work } from '../work/work.ts'

export type Handle = (message: BenchMessage) => Promise<void>

/** A running consumer. `name` is the broker's, so that a round can ask whether all was settled. */
export interface Consumption {
  readonly name: string
  /** Ends it and removes it from the broker, so that the next round begins at the first message again. */
  stop(): Promise<void>
}

/** One way to publish and to consume, with its connection. */
export interface Contender {
  /** Resolves once the broker has stored the message. */
  publish(message: BenchMessage): Promise<unknown>
  /** Resolves once the broker has stored all of them, in one step. Absent where a library has no such thing. */
  readonly publishMany?: (messages: readonly BenchMessage[]) => Promise<unknown>
  /** Resolves once the broker has stored what the iterable brought. Absent where a library has no such thing. */
  readonly publishStream?: (messages: AsyncIterable<BenchMessage>) => Promise<unknown>
  /** Answers requests with what they hold, on a connection of its own, until the contender closes. */
  readonly answer?: () => Promise<void>
  /** Resolves with the answer. */
  readonly ask?: (message: BenchMessage) => Promise<BenchMessage>
  /** Hands every message of the stream, from the first, to `handle`, and acknowledges it when that has resolved. */
  consume(handle: Handle): Promise<Consumption>
  /** Reads the first `count` messages of the stream in order, with no durable. Absent where a library has no such thing. */
  readonly read?: (count: number, handle: (message: BenchMessage) => void) => Promise<void>
  /** Resolves when the broker has read everything written, acks among it. */
  flush(): Promise<void>
  close(): Promise<void>
}

export type OpenContender = (work: Work) => Promise<Contender>
