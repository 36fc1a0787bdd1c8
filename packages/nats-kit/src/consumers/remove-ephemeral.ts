import { jetstreamManager } from '@nats-io/jetstream'
import type { Connection } from '../connection/connection.ts'
import { KitError } from '../errors.ts'

/** Removes an ephemeral consumer sooner than the broker would; never fails. */
export async function removeEphemeral(connection: Connection, stream: string, consumer: string): Promise<void> {
  try {
    const manager = await jetstreamManager(connection.client, { checkAPI: false, timeout: 2_000 })
    await manager.consumers.delete(stream, consumer)
  } catch (error) {
    // Not allowed, or not there: the broker removes it by itself after its threshold.
    connection.logger.debug(
      { event: 'ephemeralLeft', consumer, error: KitError.from(error).message },
      'ephemeral consumer is left to the broker',
    )
  }
}
