import type { NatsConnection } from '@nats-io/transport-node'
import type { KitError } from '../errors.ts'
import type { ConnectionState, KitEvents } from '../events.ts'
import type { Logger } from '../logger.ts'
import type { FrameWriter } from './frame-writer.ts'

/** A connection, open unless its state says otherwise. The caller that opened it closes it. */
export interface Connection {
  /** The client underneath, for what the kit does not wrap. */
  readonly client: NatsConnection
  /** Sends text in the client's stead, many messages in one piece. */
  readonly frames: FrameWriter
  readonly name: string
  readonly inboxPrefix: string
  readonly events: KitEvents
  readonly logger: Logger
  readonly state: ConnectionState
  /** Resolves when the connection is over for good: with an error unless it was asked for. Never rejects. */
  readonly closed: Promise<KitError | undefined>
  /**
   * Flushes what was written and closes. Past `timeoutMs`, or while the broker is away, closes all the same. NaN and a
   * negative time count as 0.
   * Resolves to whether everything written had reached the broker.
   */
  close(timeoutMs: number): Promise<boolean>
}
