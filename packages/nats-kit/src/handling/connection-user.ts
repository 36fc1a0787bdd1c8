import type { Connection } from '../connection/connection.ts'

/** What a handler works with and that needs the connection, which comes after the handler was written down. */
export interface ConnectionUser {
  /** Called by each subscriber with a handler that uses it, before its first message. @throws KitError. */
  open(connection: Connection): void
  /** Called as often as `open`, after the handlers' last message. */
  close(): Promise<void>
}
