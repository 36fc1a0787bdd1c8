import { AckPolicy, type ConsumerConfig, DeliverPolicy } from '@nats-io/jetstream'
import { ownerTag } from './owner-tag.ts'
import { configHash } from '../streams/config-hash.ts'
import { HASH_KEY } from './consumer-fields.ts'
import type { ConsumerSpec } from './consumer-spec.ts'
import type { SubscriberSettings } from './options.ts'

/** An ephemeral consumer outlives a lost connection by this much. */
const EPHEMERAL_THRESHOLD_MS = 30_000
/** Messages of a shared pull consumer that may be unsettled at once, delayed retries among them. */
const MAX_ACK_PENDING = 1_000

const nanos = (ms: number): number => ms * 1_000_000

/** Where to begin when the consumer is made: at the first message, at the next one, or after what was settled. */
export type StartFrom = 'all' | 'new' | { readonly sequence: number }

/** The consumer's configuration, in the server's names and units. */
export function toConsumerConfig(
  settings: SubscriberSettings,
  { name, channel, filterSubject }: ConsumerSpec,
  inboxPrefix: string,
  startFrom: StartFrom,
): Partial<ConsumerConfig> {
  const durable = settings.lifetime === 'durable'
  const shared = durable && settings.delivery === 'queue-group'
  const push = settings.mode === 'push'
  const config: Partial<ConsumerConfig> = {
    // One filter, not a list: it becomes part of the request's subject, so permissions can hold an app to it.
    filter_subject: filterSubject,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(settings.ackWaitMs),
    // The server gives up nothing: it would do so unseen. The kit counts; see handling/decide.ts.
    max_deliver: -1,
    max_ack_pending: push ? settings.concurrency : Math.max(MAX_ACK_PENDING, settings.concurrency),
    ...(shared ? {} : { inactive_threshold: nanos(durable ? settings.inactiveThresholdMs : EPHEMERAL_THRESHOLD_MS) }),
    ...(push ? { deliver_subject: deliverSubject(inboxPrefix, name) } : {}),
    ...(push && shared ? { deliver_group: name } : {}),
    ...(push && !shared ? { idle_heartbeat: nanos(settings.idleHeartbeatMs) } : {}),
  }
  return {
    name,
    ...(durable ? { durable_name: name } : {}),
    description: `${settings.app} handles ${channel}`,
    // Not compared on a consumer that exists; one from before the tag gets it when its position is noted.
    metadata: { ...ownerTag(settings.app), [HASH_KEY]: configHash(config) },
    ...config,
    ...startOf(startFrom),
  }
}

/** Where the broker sends to a consumer that does not pull. */
export function deliverSubject(inboxPrefix: string, consumer: string): string {
  return `${inboxPrefix}.push.${consumer}`
}

function startOf(startFrom: StartFrom): Partial<ConsumerConfig> {
  if (startFrom === 'all') return { deliver_policy: DeliverPolicy.All }
  if (startFrom === 'new') return { deliver_policy: DeliverPolicy.New }
  return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: startFrom.sequence }
}
