import { type NatsConnection, PermissionViolationError, type Status, type Subscription } from '@nats-io/transport-node'
import type { ConnectionState, KitEvents } from '../events.ts'
import type { Logger } from '../logger.ts'

/**
 * The one listener of a connection: turns every notification of the client into a log line and, where somebody may
 * want to act on it, an event. The client queues notifications without a bound, so this never stops reading.
 */
export async function watchStatus(
  client: NatsConnection,
  sinks: { readonly events: KitEvents; readonly logger: Logger; setState(state: ConnectionState): void },
): Promise<void> {
  const { events, logger } = sinks
  const change = (state: ConnectionState, server: string | undefined, reason: string): void => {
    sinks.setState(state)
    logger[state === 'connected' ? 'info' : 'warn'](
      { event: 'connectionStateChanged', state, server, reason },
      `NATS ${reason}`,
    )
    events.emit('connectionStateChanged', { state, reason, ...(server === undefined ? {} : { server }) })
  }
  for await (const status of client.status()) {
    switch (status.type) {
      case 'disconnect':
        change('disconnected', status.server, 'connection lost')
        break
      case 'reconnect':
        change('connected', status.server, 'connection restored')
        break
      case 'staleConnection':
        logger.warn({ event: 'staleConnection' }, 'NATS broker does not answer pings; the connection is closed')
        break
      case 'error':
        reportError(status.error, sinks)
        break
      case 'slowConsumer':
        reportSlowConsumer(status, sinks)
        break
      case 'ldm':
        logger.warn({ event: 'lameDuck', server: status.server }, 'NATS broker is about to shut down; clients move on')
        break
      case 'update':
        logger.info({ event: 'clusterChanged', added: status.added, deleted: status.deleted }, 'NATS cluster changed')
        break
      case 'reconnecting':
      case 'forceReconnect':
        logger.info({ event: status.type }, 'NATS reconnecting')
        break
      case 'ping':
      case 'close':
        logger.debug({ event: status.type }, `NATS ${status.type}`)
        break
      default:
        status satisfies never
        logger.info({ event: (status as Status).type }, 'NATS notification')
    }
  }
}

function reportError(error: Error, { events, logger }: { readonly events: KitEvents; readonly logger: Logger }): void {
  const where = error instanceof PermissionViolationError ? { operation: error.operation, subject: error.subject } : {}
  logger.error({ event: 'errorOccurred', error: error.message, ...where }, 'NATS broker reported an error')
  events.emit('errorOccurred', { error: error.message, ...where })
}

/** The client counts messages only, and only for iterators that asked for it; bytes and drops it does not know. */
function reportSlowConsumer(
  status: { readonly sub: Subscription; readonly pending: number },
  { events, logger }: { readonly events: KitEvents; readonly logger: Logger },
): void {
  const limit = (status.sub as unknown as { slow?: { slow?: number } }).slow?.slow
  const detail = {
    subject: status.sub.getSubject(),
    pendingMessages: status.pending,
    ...(limit === undefined ? {} : { pendingMessagesLimit: limit }),
    dropped: 0,
  }
  logger.warn({ event: 'slowConsumerDetected', ...detail }, 'NATS subscription is slower than its messages arrive')
  events.emit('slowConsumerDetected', detail)
}
