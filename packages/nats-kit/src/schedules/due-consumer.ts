import type { Channel } from '@alarm-bus/contracts'
import { AckPolicy, type ConsumerConfig, DeliverPolicy } from '@nats-io/jetstream'
import { OF_DECLARATION } from '../consumers/consumer-beginning.ts'
import { HASH_KEY } from '../consumers/consumer-fields.ts'
import { ownerTag } from '../owner-tag.ts'
import { configHash } from '../streams/config-hash.ts'
import { dueConsumerName, dueSubject } from './schedule-subjects.ts'

/** Longer than a publish may take with all its attempts. */
const ACK_WAIT_NS = 30_000 * 1_000_000
const MAX_ACK_PENDING = 1_000

/** The consumer through which the app that schedules a channel takes what is due; its instances share it. */
export function dueConsumerConfig(app: string, stream: string, channel: Channel): Partial<ConsumerConfig> {
  const name = dueConsumerName(app, channel.name)
  const config: Partial<ConsumerConfig> = {
    filter_subject: dueSubject(stream, channel.name, '*', '*'),
    ack_policy: AckPolicy.Explicit,
    ack_wait: ACK_WAIT_NS,
    max_deliver: -1,
    max_ack_pending: MAX_ACK_PENDING,
  }
  return {
    name,
    durable_name: name,
    description: `${app} publishes what is due of ${channel.name}`,
    metadata: { ...ownerTag(app), [HASH_KEY]: configHash(config), ...OF_DECLARATION },
    ...config,
    deliver_policy: DeliverPolicy.All,
  }
}
