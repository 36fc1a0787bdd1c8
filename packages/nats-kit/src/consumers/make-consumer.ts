import type { ConsumerConfig, ConsumerInfo } from '@nats-io/jetstream'
import { KitError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { LEAST_ACK_PENDING } from './consumer-config.ts'
import type { ConsumerSpec } from './consumer-spec.ts'
import type { EnsuredConsumer } from './ensure-consumer.ts'
import type { SubscriberSettings } from './options.ts'
import type { StartAt } from '../handling/start-at.ts'

/** The server's code for a consumer that asks for a larger max_ack_pending than it allows. */
const MAX_ACK_PENDING_EXCEEDED = 10121

/** A cap that the kit derived is lowered to what it used to be where the server allows no more. */
export async function withinLimit(
  settings: SubscriberSettings,
  config: Partial<ConsumerConfig>,
  ensure: (config: Partial<ConsumerConfig>) => Promise<EnsuredConsumer>,
): Promise<EnsuredConsumer & { readonly config: Partial<ConsumerConfig> }> {
  try {
    return { ...(await ensure(config)), config }
  } catch (error) {
    const isOver = error instanceof KitError && error.brokerCode === MAX_ACK_PENDING_EXCEEDED
    const least = Math.max(LEAST_ACK_PENDING, settings.concurrency)
    if (!isOver || settings.maxAckPending !== undefined || config.max_ack_pending === least) throw error
    const lower = { ...config, max_ack_pending: least }
    return { ...(await ensure(lower)), config: lower }
  }
}

/** How a consumer came to be made that was not there. */
export interface MadeConsumer {
  readonly startAt: StartAt
  /** The instance was here before, and its consumer expired. */
  readonly isBack: boolean
  /** Whether it is noted how far an instance has come, for when its consumer expires. */
  readonly isRemembered: boolean
}

/** Says what a consumer that was just made has to handle of what was stored before. */
export function sayBacklog(
  logger: Logger,
  { stream, name: consumer, channel, workQueue }: ConsumerSpec,
  { num_pending: messages }: ConsumerInfo,
  { startAt, isBack, isRemembered }: MadeConsumer,
): void {
  if (workQueue || (messages === 0 && !isBack)) return
  const detail = { stream, consumer, channel, messages, startAt }
  if (isBack) {
    logger.warn(
      { event: 'instanceReturned', ...detail },
      'the consumer of this instance expired while it was away for longer than inactiveThresholdMs; it resumes after what it had settled',
    )
    return
  }
  logger.info(
    { event: 'backlogAtStart', ...detail },
    isRemembered
      ? 'a consumer was made and handles what the stream holds already; this instance is new, or was away for too long to be remembered. startAt: "new" begins with what is published from now on'
      : 'a consumer was made and handles what the stream holds already; startAt: "new" begins with what is published from now on',
  )
}
