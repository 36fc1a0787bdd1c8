import { type ConsumerInfo, JetStreamApiError, type JetStreamManager, type StreamInfo } from '@nats-io/jetstream'

/** The server's codes for a stream and a consumer that are not there. */
const NOT_FOUND = new Set([10059, 10014])

/** Undefined where there is none. */
export function findConsumer(
  manager: JetStreamManager,
  stream: string,
  name: string,
): Promise<ConsumerInfo | undefined> {
  return found(manager.consumers.info(stream, name))
}

/** Undefined where there is none. */
export function findStream(manager: JetStreamManager, name: string): Promise<StreamInfo | undefined> {
  return found(manager.streams.info(name))
}

async function found<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof JetStreamApiError && NOT_FOUND.has(error.code)) return undefined
    throw error
  }
}
