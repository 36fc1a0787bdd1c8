import { type ConsumerConfig, DeliverPolicy } from '@nats-io/jetstream'
import type { NotedConsumer } from '../consumers/note-record.ts'

/** The key that names the last time that the kit had a consumer go back: another instance's is no other tool's. */
export const WENT_BACK_KEY = 'alarm-bus.went-back'

/** Which consumer of its name it is: one that was made again, or reset, counts its deliveries from the start. */
export interface ConsumerIdentity {
  readonly created: string
  /** Which time the kit had it go back last; undefined where it never did. */
  readonly wentBack: string | undefined
}

export function identityOf({ created, notes }: NotedConsumer): ConsumerIdentity {
  return { created: String(created), wentBack: notes[WENT_BACK_KEY] }
}

/** The sequence at which a consumer began; undefined where its configuration does not say. */
export function startOf({
  deliver_policy: policy,
  opt_start_seq: sequence,
}: Partial<ConsumerConfig>): number | undefined {
  if (policy === DeliverPolicy.All) return 1
  return policy === DeliverPolicy.StartSequence ? sequence : undefined
}
