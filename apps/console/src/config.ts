import {
  ALWAYS,
  isDevSecret,
  productionBecause,
  readConfig,
  secret,
  serviceConfig,
  versionOf,
  wholeNumber,
} from '@alarm-bus/service'
import { z } from 'zod'
import { tokenList } from './auth/people.ts'
import { app } from './declaration.ts'

export const version = versionOf(import.meta.url)

const httpUrl = z
  .string()
  .refine((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ''), 'must be an address as http://127.0.0.1:3000')

const consoleConfig = z
  .object({
    NODE_ENV: z.string().optional(),
    CONSOLE_TOKENS: secret(tokenList.optional()),
    // Where messages are published that are written in the console: its own account may not publish on the apps' channels.
    CONSOLE_PRODUCER_URL: httpUrl.optional(),
    CONSOLE_PRODUCER_KEY: secret(z.string().min(1).max(4_096).optional()),
    CONSOLE_RATE_PER_MINUTE: wholeNumber({ min: 1, max: 1_000_000 }).default(1_200),
    PRODUCER_PORT: wholeNumber({ min: 0, max: 65_535 }).default(3_000),
  })
  .superRefine((raw, context) => {
    const production = productionBecause(raw.NODE_ENV)
    if (production === undefined) return
    const report = (message: string): void => context.addIssue({ code: 'custom', path: ['CONSOLE_TOKENS'], message })
    const { CONSOLE_TOKENS: tokens } = raw
    if (!Array.isArray(tokens)) {
      // A list that is bad in itself has its own complaint.
      if (tokens === undefined) report(`is not set; anybody could redrive and discard, which is refused ${production}`)
    } else if (tokens.length === 0)
      report(`is empty; anybody could redrive and discard, which is refused ${production}`)
    else if (tokens.some(({ token }) => isDevSecret(token)))
      report(`has a token of a development set-up, refused ${production}`)
  }, ALWAYS)
  .transform((raw) => {
    const isDevelopment = productionBecause(raw.NODE_ENV) === undefined
    const url = raw.CONSOLE_PRODUCER_URL ?? (isDevelopment ? `http://127.0.0.1:${raw.PRODUCER_PORT}` : undefined)
    return {
      tokens: raw.CONSOLE_TOKENS ?? [],
      isDevelopment,
      producer: url === undefined ? undefined : { url, key: raw.CONSOLE_PRODUCER_KEY },
      ratePerMinute: raw.CONSOLE_RATE_PER_MINUTE,
    }
  })

const schema = serviceConfig({ app: app.name, defaultPort: 3003, version }).and(consoleConfig)

export type ConsoleConfig = ReturnType<typeof readConsoleConfig>

/** @throws ConfigError with every bad variable. */
export function readConsoleConfig(environment = process.env) {
  return readConfig(schema, environment)
}
