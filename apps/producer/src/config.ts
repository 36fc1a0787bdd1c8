import { readConfig, serviceConfig, versionOf, wholeNumber } from '@alarm-bus/service'
import { z } from 'zod'
import { authConfig } from './auth/auth-config.ts'
import { app } from './declaration.ts'
import { edgeConfig } from './http/edge-config.ts'

/** One attempt to publish, in milliseconds; the kit tries again within the budget. */
const ATTEMPT_TIMEOUT_MS = 5_000

const publisherConfig = z
  .object({
    // More in flight than this is refused with 503: the broker is behind, and memory is finite.
    PRODUCER_MAX_IN_FLIGHT: wholeNumber({ min: 1, max: 100_000 }).default(1_024),
    // A leader election took 7.5 s. HTTP cuts silent connections after 90 s, so three times the budget has to stay below.
    PRODUCER_PUBLISH_BUDGET_MS: wholeNumber({ min: 100, max: 25_000 }).default(15_000),
  })
  .transform((raw) => ({
    publisher: {
      maxInFlight: raw.PRODUCER_MAX_IN_FLIGHT,
      budgetMs: raw.PRODUCER_PUBLISH_BUDGET_MS,
      attemptTimeoutMs: Math.min(ATTEMPT_TIMEOUT_MS, raw.PRODUCER_PUBLISH_BUDGET_MS),
    },
  }))

export const version = versionOf(import.meta.url)

const schema = serviceConfig({ app: app.name, defaultPort: 3000, version })
  .and(publisherConfig)
  .and(authConfig)
  .and(edgeConfig)

export type ProducerConfig = ReturnType<typeof readProducerConfig>

/** @throws ConfigError with every bad variable. */
export function readProducerConfig(environment = process.env) {
  return readConfig(schema, environment)
}
