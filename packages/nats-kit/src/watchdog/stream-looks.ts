import { setImmediate as nextTurn } from 'node:timers/promises'
import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream'
import type { Connection } from '../connection/connection.ts'

export interface StreamLook {
  readonly info: StreamInfo
  /** When it was asked for, on the clock of `performance.now()`: what the stream held then, or a little later. */
  readonly askedAt: number
}

/**
 * Looks at streams once for all the consumers of a connection: one look serves whoever asks while it is on its way or
 * is content with one that is a little older.
 */
export class StreamLooks {
  readonly #latest = new Map<string, LatestLook>()
  readonly #looks = new Map<string, { readonly look: Promise<StreamLook>; askedAt: number }>()
  readonly #last = new Map<string, StreamInfo>()
  readonly #onEdited: (stream: string) => void

  /** @param onEdited is told when a stream has another configuration than the look before found. */
  constructor(onEdited: (stream: string) => void) {
    this.#onEdited = onEdited
  }

  /** A stream as the last look that was answered found it. */
  last(stream: string): StreamInfo | undefined {
    return this.#last.get(stream)
  }

  latest(stream: string): LatestLook | undefined {
    return this.#latest.get(stream)
  }

  /**
   * @param notBefore the oldest that will do, on the clock of `performance.now()`.
   * @throws what the client throws: `JetStreamApiError` with 10059 where the stream is not there.
   */
  async look(manager: JetStreamManager, stream: string, notBefore: number): Promise<StreamLook> {
    const last = this.#looks.get(stream)
    if (last && last.askedAt >= notBefore) return last.look
    const asking = { askedAt: Number.POSITIVE_INFINITY }
    // Asked in the next turn, so that consumers that start or look together share it.
    const look = nextTurn().then(async (): Promise<StreamLook> => {
      asking.askedAt = performance.now()
      const info = await manager.streams.info(stream)
      this.#latest.set(stream, latestOf(info))
      const before = this.#last.get(stream)
      this.#last.set(stream, info)
      if (before && JSON.stringify(before.config) !== JSON.stringify(info.config)) this.#onEdited(stream)
      return { info, askedAt: asking.askedAt }
    })
    const entry = Object.assign(asking, { look })
    this.#looks.set(stream, entry)
    // One that failed serves those who wait for it, and no others.
    look.catch(() => this.#looks.get(stream) === entry && this.#looks.delete(stream))
    return look
  }
}

/** What the stream and the broker's clock were found to be. */
export interface LatestLook {
  /** Milliseconds; `Infinity` without a limit. */
  readonly maxAgeMs: number
  /** How far this process's clock is ahead of the broker's, in milliseconds. */
  readonly clockAheadMs: number
}

function latestOf({ config, ts }: StreamInfo & { readonly ts?: string }): LatestLook {
  const brokerMs = ts === undefined ? Number.NaN : Date.parse(ts)
  const clockAheadMs = Number.isNaN(brokerMs) ? 0 : Date.now() - brokerMs
  return { maxAgeMs: config.max_age > 0 ? config.max_age / 1e6 : Number.POSITIVE_INFINITY, clockAheadMs }
}

const ofConnection = new WeakMap<Connection, StreamLooks>()

/** The looks that all consumers of the connection share. */
export function streamLooksOf(connection: Connection): StreamLooks {
  let looks = ofConnection.get(connection)
  if (looks) return looks
  looks = new StreamLooks((stream) => connection.events.emit('streamEdited', { stream }))
  ofConnection.set(connection, looks)
  return looks
}
