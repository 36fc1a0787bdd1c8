/** What `pnpm ops status` knows, in the form of its `--json`. Sizes in bytes, times in milliseconds. */
export interface Status {
  readonly streams: readonly StreamStatus[]
  readonly consumers: readonly ConsumerStatus[]
  /** Apps that declare no consumer: the broker shows nothing of them. */
  readonly publishers: readonly { readonly app: string; readonly channels: readonly string[] }[]
  readonly problems: readonly Problem[]
}

export interface StreamStatus {
  readonly stream: string
  readonly channels: readonly string[]
  readonly messages: number
  readonly bytes: number
  /** -1 without a limit. */
  readonly maxBytes: number
  readonly oldestMs: number | undefined
  /** Dead letters of its messages, the shares included. */
  readonly deadLetters: number
}

export const ConsumerState = {
  /** A client asks for messages, or listens where they are delivered. */
  Running: 'running',
  /** All that may be in flight is; no client asks for more. */
  Busy: 'busy',
  /** No client asks for messages. */
  NotRunning: 'not_running',
  Paused: 'paused',
} as const
export type ConsumerState = (typeof ConsumerState)[keyof typeof ConsumerState]

export interface ConsumerStatus {
  readonly stream: string
  readonly consumer: string
  readonly app: string
  readonly channel: string
  readonly state: ConsumerState
  /** Messages that were not delivered yet. */
  readonly unread: number
  /** Delivered and not settled. */
  readonly inFlight: number
  readonly redelivered: number
  readonly deadLetters: number
  /** Dead letters that were sent to it again and that it has not settled. */
  readonly redriving: number
  /** Undefined before its first delivery. */
  readonly lastDeliveredMs: number | undefined
}

export interface Problem {
  readonly what: string
  /** The command that shows or mends it, where there is one. */
  readonly command?: string
}
