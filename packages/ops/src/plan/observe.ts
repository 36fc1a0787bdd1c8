import { errorText, KitError, KitErrorCode } from '@alarm-bus/nats-kit'
import { type ConsumerInfo, JetStreamApiError, type JetStreamManager, type StreamInfo } from '@nats-io/jetstream'

/** The server's code for a stream that is not there. */
const STREAM_NOT_FOUND = 10059

/** What is on the broker. */
export interface Observed {
  /** All of the account, by name. */
  readonly streams: ReadonlyMap<string, StreamInfo>
  /** Durable ones alone: the others come and go with whoever made them. */
  readonly consumers: readonly ConsumerInfo[]
}

/**
 * Looks at every stream of the account, and at the durable consumers of those in `consumersOf`.
 *
 * @throws KitError `permission_denied`, `broker_unavailable`.
 */
export async function observe(manager: JetStreamManager, consumersOf: readonly string[]): Promise<Observed> {
  const streams = await all('streams cannot be listed', () => manager.streams.list())
  const there = new Set(streams.map(({ config }) => config.name))
  const consumers: ConsumerInfo[] = []
  for (const stream of consumersOf) {
    if (!there.has(stream)) continue
    const found = await all(`the consumers of ${stream} cannot be listed`, () => manager.consumers.list(stream))
    consumers.push(...found.filter(({ config }) => config.durable_name !== undefined))
  }
  return { streams: new Map(streams.map((info) => [info.config.name, info])), consumers }
}

async function all<T>(what: string, list: () => AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = []
  try {
    for await (const one of list()) found.push(one)
    return found
  } catch (error) {
    // It went while it was looked at.
    if (error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND) return []
    const text = errorText(error)
    const denied = /permissions violation/i.test(text)
    const code = denied ? KitErrorCode.PermissionDenied : KitErrorCode.BrokerUnavailable
    throw new KitError(code, `${what}: ${denied ? `this user may not (${text})` : text}`, { cause: error })
  }
}
