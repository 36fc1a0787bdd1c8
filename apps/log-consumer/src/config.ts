import {
  ALWAYS,
  consumerConfig,
  isDevSecret,
  productionBecause,
  readConfig,
  secret,
  serviceConfig,
  versionOf,
  wholeNumber,
} from '@alarm-bus/service'
import { z } from 'zod'
import { IN_MEMORY } from './database/open-sqlite.ts'
import { app } from './declaration.ts'

export const version = versionOf(import.meta.url)

const DAY_MS = 24 * 60 * 60 * 1_000
const MIB = 1024 * 1024
/** Characters of a token: 32 of them, chosen at random, are beyond guessing. */
const MIN_TOKEN_CHARACTERS = 32

const tokens = z
  .string()
  .transform((list) =>
    list
      .split(',')
      .map((token) => token.trim())
      .filter((token) => token !== ''),
  )
  .refine((list) => list.every((token) => /^[\x21-\x7e]+$/.test(token) && token.length >= MIN_TOKEN_CHARACTERS), {
    error: `must be tokens of at least ${MIN_TOKEN_CHARACTERS} characters without blanks, several with commas between them: openssl rand -hex 32`,
  })

/** The address itself is not shown: it holds a password. */
const databaseUrl = z.string().superRefine((text, context) => {
  const problem = databaseUrlProblem(text)
  if (problem !== undefined) context.addIssue(problem)
})

function databaseUrlProblem(text: string): string | undefined {
  try {
    const { protocol, hostname, pathname } = new URL(text)
    if (['postgres:', 'postgresql:'].includes(protocol) && hostname !== '' && pathname.length > 1) return undefined
  } catch {
    // The same answer.
  }
  return 'is not an address of a Postgres database; use postgres://user:password@host:5432/name'
}

const storeConfig = z
  .object({
    NODE_ENV: z.string().optional(),
    DATABASE_URL: secret(databaseUrl.optional()),
    LOG_SQLITE_PATH: z.string().optional(),
    LOG_MAX_AGE_DAYS: wholeNumber({ min: 1, max: 36_500 }).default(90),
    LOG_MAX_MIB: wholeNumber({ min: 1, max: 100_000_000 }).default(10_240),
    LOG_API_TOKENS: secret(tokens.optional()),
  })
  .superRefine((raw, context) => {
    const report = (variable: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [variable], message })
    if (raw.DATABASE_URL !== undefined && raw.LOG_SQLITE_PATH !== undefined)
      report('LOG_SQLITE_PATH', 'is set beside DATABASE_URL; logs are kept in one database, so remove one of them')
    const production = productionBecause(raw.NODE_ENV)
    if (production !== undefined) checkProduction(raw, production, report)
  }, ALWAYS)
  .transform((raw) => ({
    storage:
      raw.DATABASE_URL === undefined
        ? ({ kind: 'sqlite', path: raw.LOG_SQLITE_PATH ?? '.data/logs.sqlite' } as const)
        : ({ kind: 'postgres', url: raw.DATABASE_URL } as const),
    limits: { maxAgeMs: raw.LOG_MAX_AGE_DAYS * DAY_MS, maxBytes: raw.LOG_MAX_MIB * MIB },
    tokens: raw.LOG_API_TOKENS ?? [],
  }))

interface Raw {
  readonly DATABASE_URL?: string | undefined
  readonly LOG_SQLITE_PATH?: string | undefined
  readonly LOG_API_TOKENS?: readonly string[] | undefined
}

function checkProduction(raw: Raw, production: string, report: (variable: string, message: string) => void): void {
  if (!raw.LOG_API_TOKENS?.length)
    report('LOG_API_TOKENS', `is not set; anybody could read the logs, which is refused ${production}`)
  // As it was given, when it is bad in itself.
  if (Array.isArray(raw.LOG_API_TOKENS) && raw.LOG_API_TOKENS.some(isDevSecret))
    report('LOG_API_TOKENS', `has a token of a development set-up, refused ${production}`)
  if (raw.LOG_SQLITE_PATH === IN_MEMORY)
    report('LOG_SQLITE_PATH', `must not be ${IN_MEMORY} ${production}: the logs would end with the process`)
  if (raw.DATABASE_URL !== undefined && isDevSecret(URL.parse(raw.DATABASE_URL)?.password))
    report('DATABASE_URL', `has a password of a development set-up, refused ${production}`)
}

const schema = serviceConfig({ app: app.name, defaultPort: 3002, version }).and(consumerConfig).and(storeConfig)

export type LogConsumerConfig = ReturnType<typeof readLogConsumerConfig>

/** @throws ConfigError with every bad variable. */
export function readLogConsumerConfig(environment = process.env) {
  return readConfig(schema, environment)
}
