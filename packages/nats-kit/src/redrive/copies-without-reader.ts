import { JetStreamApiError, jetstreamManager } from '@nats-io/jetstream'
import type { Connection } from '../connection/connection.ts'
import { JetStreamCode } from '../jetstream-codes.ts'
import { redriveConsumerName, redriveFilter, redriveStreamName } from '../streams/companion-streams.ts'
import { unanswered } from '../streams/unanswered.ts'
import { listConsumers } from '../streams/list-all.ts'

/** Messages that were redriven to a consumer whose reader was removed before it read them. */
export interface CopiesWithoutReader {
  /** The consumer that had failed. */
  readonly consumer: string
  readonly copies: number
}

/**
 * Which redriven messages of a stream have no reader: their dead letters are gone, and they wait until the consumer's app
 * starts, or for good where it never does.
 *
 * @throws KitError `permission_denied`, `broker_unavailable`.
 */
export async function copiesWithoutReader(
  connection: Connection,
  stream: string,
): Promise<readonly CopiesWithoutReader[]> {
  const name = redriveStreamName(stream)
  const manager = await jetstreamManager(connection.client, { checkAPI: false, timeout: 5_000 })
  try {
    const { messages } = (await manager.streams.info(name)).state
    if (messages === 0) return []
    const readers = new Set((await listConsumers(connection.client, name)).map((info) => info.name))
    const { subjects = {} } = (await manager.streams.info(name, { subjects_filter: redriveFilter(stream, '*') })).state
    const counts = new Map<string, number>()
    for (const [subject, copies] of Object.entries(subjects)) {
      // `redrive.<stream>.<consumer>.…`
      const consumer = subject.split('.')[2] ?? ''
      if (!readers.has(redriveConsumerName(consumer))) counts.set(consumer, (counts.get(consumer) ?? 0) + copies)
    }
    return [...counts].map(([consumer, copies]) => ({ consumer, copies }))
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamCode.StreamNotFound) return []
    throw unanswered(`stream ${name} cannot be looked up`, error)
  }
}
