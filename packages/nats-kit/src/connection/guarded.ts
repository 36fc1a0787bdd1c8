import type { Msg } from '@nats-io/transport-node'
import { errorText } from '../errors.ts'
import type { Connection } from './connection.ts'

/**
 * What the client calls with each message, and never throws: an exception would end the client's reader, and other
 * clients may write what it cannot read.
 *
 * @param of names whose messages they are, for the log.
 */
export function guarded(
  connection: Connection,
  of: Readonly<Record<string, string>>,
  read: (message: Msg) => void,
): (message: Msg) => void {
  return (message) => {
    try {
      read(message)
    } catch (error) {
      const detail = { event: 'messageUnreadable', ...of, error: errorText(error) }
      connection.logger.warn(detail, 'an incoming message cannot be read; it is ignored')
    }
  }
}
