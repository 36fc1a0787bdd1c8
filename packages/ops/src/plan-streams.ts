import type { Stream } from '@alarm-bus/contracts'
import {
  type Connection,
  errorText,
  KitError,
  KitErrorCode,
  planStream,
  type StreamPlan,
  withCompanions,
} from '@alarm-bus/nats-kit'
import { JetStreamApiError, type JetStreamManager, jetstreamManager, type StreamConfig } from '@nats-io/jetstream'

/** The server's code for a stream that is not there. */
const STREAM_NOT_FOUND = 10059

/**
 * What it takes to make the broker's streams the declared ones; changes nothing.
 *
 * @throws KitError `permission_denied` or `broker_unavailable`.
 */
export async function planStreams(
  connection: Connection,
  streams: readonly Stream[],
  replicas: number | undefined,
): Promise<readonly StreamPlan[]> {
  const manager = await jetstreamManager(connection.client, { checkAPI: false, timeout: 5_000 })
  const plans: StreamPlan[] = []
  for (const declared of streams.flatMap((stream) => withCompanions(stream, replicas))) {
    plans.push(
      planStream(declared, await liveConfig(manager, declared.name), { ignoreReplicas: replicas === undefined }),
    )
  }
  return plans
}

async function liveConfig(manager: JetStreamManager, stream: string): Promise<StreamConfig | undefined> {
  try {
    return (await manager.streams.info(stream)).config
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND) return undefined
    const denied = /permissions violation/i.test(errorText(error))
    throw new KitError(
      denied ? KitErrorCode.PermissionDenied : KitErrorCode.BrokerUnavailable,
      `stream ${stream} cannot be looked up: ${errorText(error)}`,
      { cause: error },
    )
  }
}
