import { AckPolicy, DeliverPolicy, JetStreamApiError, jetstreamManager } from '@nats-io/jetstream'
import { type Msg, nuid } from '@nats-io/transport-node'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { ACK_PREFIX, Delivery } from '../handling/delivery.ts'
import type { ConsumerSpec } from './consumer-spec.ts'
import { nextSubject, recoverConsumerName } from './consumer-subjects.ts'

/** The server's code for a consumer of that name with another configuration. */
const CONSUMER_EXISTS = 10148
const THRESHOLD_NS = 10 * 1_000_000_000

/**
 * A stored message by its sequence, undefined when it has left the stream.
 *
 * Through a consumer of the moment that is held to the same subject, because a plain look-up by sequence would need the
 * right to read the whole stream.
 *
 * @throws KitError `broker_unavailable` when the broker does not answer.
 */
export async function fetchOriginal(
  connection: Connection,
  watched: ConsumerSpec,
  seq: number,
): Promise<{ readonly message: Msg; readonly storedNanos: string } | undefined> {
  const manager = await jetstreamManager(connection.client, { checkAPI: false, timeout: 5_000 })
  const name = recoverConsumerName(watched.name)
  const make = () =>
    manager.consumers.add(watched.stream, {
      name,
      filter_subject: watched.filterSubject,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: seq,
      ack_policy: AckPolicy.None,
      inactive_threshold: THRESHOLD_NS,
      mem_storage: true,
    })
  const { created } = await make().catch(async (error: unknown) => {
    if (!(error instanceof JetStreamApiError && error.code === CONSUMER_EXISTS)) throw error
    // Left by a look-up that was cut off, or in use by another instance, which will try again.
    await manager.consumers.delete(watched.stream, name)
    return make()
  })
  const unreadable = (why: string): KitError =>
    new KitError(KitErrorCode.BrokerUnavailable, `message ${seq} of ${watched.stream} cannot be read now: ${why}`)
  // Another instance may have put its own look-up under this name meanwhile: then the answer was about another message.
  // Making the same consumer again changes nothing and says when it was made.
  const goneForCertain = async (): Promise<undefined> => {
    const now = await make().catch(() => undefined)
    if (now?.created !== created) throw unreadable('another look-up came in between')
    return undefined
  }
  try {
    const message = await takeOne(connection, nextSubject(watched.stream, name))
    if (!message.reply?.startsWith(ACK_PREFIX)) {
      // 404: nothing from there on.
      if (message.headers?.code === 404) return await goneForCertain()
      throw unreadable(message.headers?.status ?? 'no answer')
    }
    const delivery = new Delivery(message, { channel: watched.channel, logger: connection.logger })
    // The next one in line answers for a message that is gone.
    return delivery.seq === seq ? { message, storedNanos: delivery.storedNanos } : await goneForCertain()
  } finally {
    await manager.consumers.delete(watched.stream, name).catch(() => undefined)
  }
}

/**
 * One message or status from a consumer. On an inbox of its own: the client tells the answers of its requests apart by
 * their subject, and a message keeps the subject it was published on.
 */
function takeOne(connection: Connection, subject: string): Promise<Msg> {
  const inbox = `${connection.inboxPrefix}.one.${nuid.next()}`
  return new Promise((resolve, reject) => {
    connection.client.subscribe(inbox, {
      max: 1,
      timeout: 5_000,
      callback: (error, message) => (error ? reject(error) : resolve(message)),
    })
    connection.client.publish(subject, '{"batch":1,"no_wait":true}', { reply: inbox })
  })
}
