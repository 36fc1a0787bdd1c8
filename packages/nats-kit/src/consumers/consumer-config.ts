import { AckPolicy, type ConsumerConfig, DeliverPolicy } from '@nats-io/jetstream'
import { ownerTag } from '../owner-tag.ts'
import { configHash } from '../streams/config-hash.ts'
import { HASH_KEY } from './consumer-fields.ts'
import type { ConsumerSpec } from './consumer-spec.ts'
import type { SubscriberSettings } from './options.ts'
import type { StartAt } from '../handling/start-at.ts'
import { totalRetryMs } from '../handling/retry-policy.ts'

/** An ephemeral consumer outlives a lost connection by this much. */
const EPHEMERAL_THRESHOLD_MS = 30_000
/** An instance's consumer of redriven messages outlives it: its metadata says how far the instance had come. */
const INSTANCE_MEMORY_MS = 28 * 24 * 3_600_000
/** Deliveries of a pull consumer that may be without an ack at once, delayed retries among them. */
export const LEAST_ACK_PENDING = 1_000
/** What the bus's own broker allows (`max_ack_pending` in nats.setup.conf); more is refused with error 10121. */
const MOST_ACK_PENDING = 5_000
/** A handler that fails fast, against a service that refuses for instance, takes no less. */
const FAST_FAILURE_MS = 20

const nanos = (ms: number): number => ms * 1_000_000

/** So many that fast failures send back until the first of them has had all its retries, within what servers allow. */
function ackPendingOf({ concurrency }: SubscriberSettings, { retry, maxDeliver }: ConsumerSpec): number {
  const waitsMs = totalRetryMs(retry, maxDeliver) ?? Number.POSITIVE_INFINITY
  const sentBack = concurrency * (1 + waitsMs / FAST_FAILURE_MS)
  return Math.max(concurrency, LEAST_ACK_PENDING, Math.min(MOST_ACK_PENDING, Math.ceil(sentBack)))
}

/** The consumer's configuration, in the server's names and units. */
export function toConsumerConfig(
  settings: SubscriberSettings,
  spec: ConsumerSpec,
  inboxPrefix: string,
  startAt: StartAt,
): Partial<ConsumerConfig> {
  const { name, channel, filterSubject, workQueue } = spec
  const durable = settings.lifetime === 'durable'
  const shared = durable && settings.delivery === 'queue-group'
  const push = settings.mode === 'push'
  const instanceMs = Math.max(settings.inactiveThresholdMs, workQueue ? INSTANCE_MEMORY_MS : 0)
  const config: Partial<ConsumerConfig> = {
    // One filter, not a list: it becomes part of the request's subject, so permissions can hold an app to it.
    filter_subject: filterSubject,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(settings.ackWaitMs),
    // The server gives up nothing: it would do so unseen. The kit counts; see handling/decide.ts.
    max_deliver: -1,
    max_ack_pending: settings.maxAckPending ?? (push ? settings.concurrency : ackPendingOf(settings, spec)),
    ...(shared ? {} : { inactive_threshold: nanos(durable ? instanceMs : EPHEMERAL_THRESHOLD_MS) }),
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
    ...startOf(startAt),
  }
}

/** Where the broker sends to a consumer that does not pull. */
export function deliverSubject(inboxPrefix: string, consumer: string): string {
  return `${inboxPrefix}.push.${consumer}`
}

function startOf(startAt: StartAt): Partial<ConsumerConfig> {
  if (startAt === 'all') return { deliver_policy: DeliverPolicy.All }
  if (startAt === 'new') return { deliver_policy: DeliverPolicy.New }
  if ('time' in startAt) return { deliver_policy: DeliverPolicy.StartTime, opt_start_time: startAt.time.toISOString() }
  return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: startAt.sequence }
}
