import type { SubscriberOptions } from '@alarm-bus/nats-kit'
import { z } from 'zod'
import { ALWAYS, oneOf, wholeNumber } from './pieces.ts'

/** How an app consumes, as the kit's subscriber takes it. */
export interface ConsumerConfig {
  readonly subscriber: Pick<
    SubscriberOptions,
    'mode' | 'delivery' | 'instanceId' | 'concurrency' | 'maxDeliver' | 'ackWaitMs'
  >
}

/** What an app that consumes reads besides. What is not set is the app's declaration's to say, or the kit's. */
export const consumerConfig = z
  .object({
    DELIVERY: oneOf(['queue-group', 'fan-out']).optional(),
    MODE: oneOf(['pull', 'push']).optional(),
    INSTANCE_ID: z
      .string()
      .regex(/^[A-Za-z0-9-]{1,40}$/, 'must be 1 to 40 letters, digits and "-"')
      .optional(),
    CONCURRENCY: wholeNumber({ min: 1, max: 10_000 }).optional(),
    MAX_DELIVER: wholeNumber({ min: 1, max: 100 }).default(3),
    // Below 300 ms the kit has no time left to say that a handler still runs.
    ACK_WAIT_MS: wholeNumber({ min: 300, max: 3_600_000 }).optional(),
  })
  .superRefine((raw, context) => {
    if (raw.DELIVERY !== 'fan-out' || raw.INSTANCE_ID !== undefined) return
    const message =
      'is not set, but DELIVERY=fan-out needs it: a name for this instance that stays the same across restarts'
    context.addIssue({ code: 'custom', path: ['INSTANCE_ID'], message })
  }, ALWAYS)
  .transform((raw): ConsumerConfig => ({
    subscriber: {
      ...(raw.DELIVERY !== undefined && { delivery: raw.DELIVERY }),
      ...(raw.MODE !== undefined && { mode: raw.MODE }),
      ...(raw.INSTANCE_ID !== undefined && { instanceId: raw.INSTANCE_ID }),
      ...(raw.CONCURRENCY !== undefined && { concurrency: raw.CONCURRENCY }),
      maxDeliver: raw.MAX_DELIVER,
      ...(raw.ACK_WAIT_MS !== undefined && { ackWaitMs: raw.ACK_WAIT_MS }),
    },
  }))
