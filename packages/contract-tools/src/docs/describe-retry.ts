import type { HandledChannel } from '@alarm-bus/contracts'
import { DEFAULT_MAX_DELIVER, DEFAULT_RETRY_POLICY } from '@alarm-bus/nats-kit'

/** What becomes of a message that an app fails to handle, in one sentence. */
export function describeRetry({ maxDeliver, retry }: HandledChannel): string {
  const deliveries = maxDeliver ?? DEFAULT_MAX_DELIVER
  const policy = { ...DEFAULT_RETRY_POLICY, ...retry }
  const configurable = maxDeliver === undefined ? ' (MAX_DELIVER)' : ''
  if (deliveries === 1) return `Delivered once${configurable}; a failure is a dead letter.`
  const waits = Array.from({ length: Math.min(deliveries - 1, 3) }, (_, index) =>
    seconds(Math.min(policy.capMs, policy.baseMs * policy.factor ** index)),
  )
  const more = deliveries - 1 > waits.length ? `, … (${seconds(policy.capMs)} at most)` : ''
  return `At most ${deliveries} deliveries${configurable}, after ${waits.join(', ')}${more}, each up to ${Math.round(policy.jitter * 100)} % sooner; then a dead letter.`
}

function seconds(ms: number): string {
  return `${ms / 1_000} s`
}
