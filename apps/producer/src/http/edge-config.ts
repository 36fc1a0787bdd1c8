import { oneOf, productionBecause, wholeNumber } from '@alarm-bus/service'
import { z } from 'zod'

/** What protects the API from every caller. */
export interface EdgeOptions {
  /** Messages a minute of a client that has no rate of its own. */
  readonly ratePerMinute: number
  /** Origins whose pages may call; none by default. */
  readonly corsOrigins: readonly string[]
  /** Whether the documents are served: anybody may read them. */
  readonly docs: boolean
  /** Connections beyond this are closed at once. */
  readonly maxConnections: number
  /** A mean delay of the event loop beyond this, in milliseconds, sheds load. */
  readonly maxEventLoopDelayMs: number
  readonly maxBatches: number
  readonly maxBatchMessages: number
}

const origins = z
  .string()
  .default('')
  .transform((list) =>
    list
      .split(',')
      .map((origin) => origin.trim())
      .filter((origin) => origin !== ''),
  )
  .refine(
    (list) => list.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin),
    'must be origins, as https://alarms.example, with commas between them',
  )

export const edgeConfig = z
  .object({
    NODE_ENV: z.string().optional(),
    PRODUCER_RATE_PER_MINUTE: wholeNumber({ min: 1, max: 10_000_000 }).default(6_000),
    PRODUCER_CORS_ORIGINS: origins,
    PRODUCER_DOCS: oneOf(['on', 'off']).optional(),
    PRODUCER_MAX_CONNECTIONS: wholeNumber({ min: 1, max: 100_000 }).default(4_096),
    PRODUCER_MAX_EVENT_LOOP_DELAY_MS: wholeNumber({ min: 10, max: 60_000 }).default(1_000),
    PRODUCER_MAX_BATCHES: wholeNumber({ min: 1, max: 1_000 }).default(8),
    PRODUCER_MAX_BATCH_MESSAGES: wholeNumber({ min: 1, max: 1_000_000 }).default(10_000),
  })
  .transform((raw): { readonly edge: EdgeOptions } => ({
    edge: {
      ratePerMinute: raw.PRODUCER_RATE_PER_MINUTE,
      corsOrigins: raw.PRODUCER_CORS_ORIGINS,
      docs: (raw.PRODUCER_DOCS ?? (productionBecause(raw.NODE_ENV) === undefined ? 'on' : 'off')) === 'on',
      maxConnections: raw.PRODUCER_MAX_CONNECTIONS,
      maxEventLoopDelayMs: raw.PRODUCER_MAX_EVENT_LOOP_DELAY_MS,
      maxBatches: raw.PRODUCER_MAX_BATCHES,
      maxBatchMessages: raw.PRODUCER_MAX_BATCH_MESSAGES,
    },
  }))
