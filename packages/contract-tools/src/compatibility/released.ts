import type { JsonSchema } from './json-schema.ts'

/** Which messages have to stay readable between two releases of a contract. */
export type CompatibilityMode = 'backward' | 'forward' | 'full' | 'none'

/** A channel as it was released, or as it would be. */
export interface ReleasedChannel {
  readonly name: string
  readonly version: number
  readonly compatibility: CompatibilityMode
  readonly subject: string
  /** The stream's name. */
  readonly stream: string
  readonly maxMessageBytes: number
  /** The field whose value orders messages; undefined where nothing does. */
  readonly key?: string | undefined
  /** The channel that this one is the next version of; null where it stands alone. */
  readonly previous: string | null
  /** The input side, as zod writes it. */
  readonly schema: JsonSchema
  /** The apps that published on it and handled it at the release; undefined in a snapshot that did not keep them. */
  readonly publishedBy?: readonly string[] | undefined
  readonly handledBy?: readonly string[] | undefined
}

/** One direction of a request, or an error. */
export interface ReleasedPart {
  readonly maxBytes: number
  /** The input side, as zod writes it. */
  readonly schema: JsonSchema
}

/** How a request is stored. */
export interface ReleasedStored {
  /** The stream's name. */
  readonly stream: string
  readonly timeoutMs: number
  readonly keepReplyMs: number
}

/** A request as it was released, or as it would be. */
export interface ReleasedRequest {
  readonly name: string
  readonly version: number
  readonly compatibility: CompatibilityMode
  readonly subject: string
  readonly request: ReleasedPart
  readonly response: ReleasedPart
  /** By their codes. */
  readonly errors: Readonly<Record<string, ReleasedPart>>
  /** Of a stored request: where it waits and for how long, and how long its answer is kept. */
  readonly stored?: ReleasedStored | undefined
  /** The apps that asked and answered it at the release. */
  readonly askedBy?: readonly string[] | undefined
  readonly answeredBy?: readonly string[] | undefined
}

/** A stream with its limits. */
export interface ReleasedStream {
  readonly name: string
  readonly storage: 'file' | 'memory'
  readonly maxAgeMs: number
  readonly maxMessages: number
  readonly maxBytes: number
  readonly maxMessageBytes: number
  readonly discard: 'old' | 'new'
  readonly allowMessageTtl: boolean
  readonly duplicateWindowMs: number
  readonly replicas: number
}

/** All contracts of one release. */
export interface ReleasedContracts {
  readonly channels: readonly ReleasedChannel[]
  readonly streams: readonly ReleasedStream[]
  /** Undefined in a snapshot of a release that knew none. */
  readonly requests?: readonly ReleasedRequest[] | undefined
}
