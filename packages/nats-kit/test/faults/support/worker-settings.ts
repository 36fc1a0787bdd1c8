import type { StreamOptions } from '@alarm-bus/contracts'
import type { ConnectionOptions, StoredSenderOptions, SubscriberOptions } from '../../../src/index.ts'

/** What both kinds of process are told, as JSON. */
export interface WorkerSettings {
  readonly servers: readonly string[]
  /** Which contracts; see `faultContracts`. */
  readonly key: string
  readonly stream?: Partial<StreamOptions>
  /** The journal's folder. */
  readonly journal: string
  readonly connection?: Partial<ConnectionOptions>
}

export interface ConsumerSettings extends WorkerSettings {
  /** The app's name, and the one its handlings are journaled under. Default `app`. */
  readonly app?: string
  readonly subscriber?: Partial<Omit<SubscriberOptions, 'contracts' | 'app' | 'handlers' | 'retry'>>
  /** How long a handler takes, in milliseconds. Default 0. */
  readonly handleMs?: number
  /** Handlers wait until the process is told `release`. */
  readonly holds?: boolean
  /** The process dies by SIGKILL in the handler of an id that begins with this. */
  readonly diesOn?: string
}

export interface PublisherSettings extends WorkerSettings {
  /** Ids begin with it; another one after each start, so that no id is used twice. */
  readonly name: string
  readonly writers?: number
  readonly pauseMs?: number
  readonly publisher?: StoredSenderOptions
}

/** What a process holds after a full collection: what is left then is in use, or leaks. */
export interface Memory {
  readonly rssBytes: number
  readonly heapBytes: number
}

/** What a process says to the one that started it. */
export type WorkerMessage =
  | { readonly kind: 'ready' }
  | ({ readonly kind: 'memory' } & Memory)
  | { readonly kind: 'answer'; readonly to: number; readonly value: unknown }
/** What it is told. */
export type WorkerOrder = 'release' | 'memory' | WorkerQuestion
/** What only one script understands, and answers. */
export interface WorkerQuestion {
  readonly ask: unknown
  readonly number: number
}

/** Connections of tests come back quickly. */
export const QUICK_CONNECTION = { reconnectDelayMs: 50, reconnectJitterMs: 20, connectTimeoutMs: 1_000 } as const

/** What subscribers of tests do unless a test says otherwise: quick to try again, slow to give up. */
export const QUICK_SUBSCRIBER = {
  ackWaitMs: 1_000,
  maxDeliver: 100,
  idleHeartbeatMs: 500,
  retry: { baseMs: 50, factor: 2, capMs: 1_000 },
} as const
