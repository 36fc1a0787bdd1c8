import { oneOf, productionBecause, secret, wholeNumber } from '@alarm-bus/service'
import { z } from 'zod'
import { addressClass } from './http/address-class.ts'

export const SINK_NAMES = ['console', 'slack', 'discord', 'webhook', 'telegram'] as const
export type SinkName = (typeof SINK_NAMES)[number]

/** Where alarms go, and how. URLs, tokens and keys are secrets: only a sink's client sees them. */
export interface SinksConfig {
  readonly sinks: {
    readonly names: readonly SinkName[]
    readonly slackUrl: URL | undefined
    readonly discordUrl: URL | undefined
    readonly webhook: { readonly url: URL; readonly secret: Buffer } | undefined
    readonly telegram: { readonly apiUrl: URL; readonly token: string; readonly chatId: string } | undefined
    readonly connectTimeoutMs: number
    readonly totalTimeoutMs: number
    /** Whether a host may have a private address. */
    readonly mayBePrivate: (host: string) => boolean
    readonly circuit: { readonly failures: number; readonly firstPauseMs: number }
  }
}

type Raw = z.output<typeof variables>
type Report = (variable: keyof Raw, message: string) => void

/** A secret's problem is described, its value never shown. */
const url = z
  .string()
  .refine(
    (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol),
    'must be an address, as https://host/path',
  )
  .refine((text) => !URL.canParse(text) || new URL(text).username === '', 'must not carry a user or a password')
  .transform((text) => (URL.canParse(text) ? new URL(text) : undefined))

const list = z.string().transform((text) =>
  text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== ''),
)

const variables = z.object({
  NODE_ENV: z.string().optional(),
  ALARM_SINKS: list.default(['console']),
  ALARM_SLACK_URL: secret(url.optional()),
  ALARM_DISCORD_URL: secret(url.optional()),
  ALARM_WEBHOOK_URL: secret(url.optional()),
  ALARM_WEBHOOK_SECRET: secret(z.string().optional()),
  ALARM_TELEGRAM_TOKEN: secret(
    z
      .string()
      .regex(/^\d{1,20}:[A-Za-z0-9_-]{20,100}$/, 'must be a bot’s token, as 123456:ABC-DEF…')
      .optional(),
  ),
  ALARM_TELEGRAM_CHAT_ID: secret(
    z
      .string()
      .regex(/^(-?\d{1,20}|@[A-Za-z0-9_]{1,64})$/, 'must be a chat’s number, or a channel’s @name')
      .optional(),
  ),
  ALARM_TELEGRAM_API_URL: url.default(new URL('https://api.telegram.org')),
  ALARM_CONNECT_TIMEOUT_MS: wholeNumber({ min: 10, max: 60_000 }).default(3_000),
  ALARM_TIMEOUT_MS: wholeNumber({ min: 10, max: 120_000 }).default(10_000),
  ALARM_CIRCUIT_FAILURES: wholeNumber({ min: 1, max: 1_000 }).default(5),
  ALARM_CIRCUIT_PAUSE_MS: wholeNumber({ min: 10, max: 600_000 }).default(5_000),
  ALARM_ALLOW_HTTP: oneOf(['true', 'false']).default('false'),
  ALARM_PRIVATE_HOSTS: list.default([]),
})

/** What each sink needs besides its name in ALARM_SINKS. */
const NEEDED: Readonly<Record<SinkName, readonly (keyof Raw)[]>> = {
  console: [],
  slack: ['ALARM_SLACK_URL'],
  discord: ['ALARM_DISCORD_URL'],
  webhook: ['ALARM_WEBHOOK_URL', 'ALARM_WEBHOOK_SECRET'],
  telegram: ['ALARM_TELEGRAM_TOKEN', 'ALARM_TELEGRAM_CHAT_ID', 'ALARM_TELEGRAM_API_URL'],
}

/** `sinks` from ALARM_*. */
export const sinksConfig = variables
  .superRefine(
    (raw, context) => {
      const report: Report = (variable, message) => context.addIssue({ code: 'custom', path: [variable], message })
      checkNames(raw, report)
      for (const name of SINK_NAMES) if (namesOf(raw).includes(name)) checkSink(raw, name, report)
      const production = productionBecause(raw.NODE_ENV)
      if (production !== undefined) checkProduction(raw, production, report)
    },
    { when: () => true },
  )
  .transform((raw): SinksConfig => ({ sinks: sinksOf(raw) }))

function namesOf({ ALARM_SINKS: names }: Raw): readonly string[] {
  return Array.isArray(names) ? names : []
}

function checkNames(raw: Raw, report: Report): void {
  const names = namesOf(raw)
  const known: ReadonlySet<string> = new Set(SINK_NAMES)
  if (names.length === 0 || names.some((name) => !known.has(name)) || new Set(names).size !== names.length)
    report('ALARM_SINKS', `must be some of ${SINK_NAMES.join(', ')}, each once, with commas between them`)
}

function checkSink(raw: Raw, name: SinkName, report: Report): void {
  for (const variable of NEEDED[name]) {
    const value = raw[variable]
    if (value === undefined) report(variable, `is not set, but ALARM_SINKS has ${name}, which needs it`)
    else if (value instanceof URL) checkUrl(raw, variable, value, report)
  }
  if (name === 'webhook' && raw.ALARM_WEBHOOK_SECRET !== undefined && !keyOf(raw.ALARM_WEBHOOK_SECRET)) {
    const message = 'must be whsec_ and the base64 of 24 to 64 bytes: echo "whsec_$(openssl rand -base64 32)"'
    report('ALARM_WEBHOOK_SECRET', message)
  }
}

function checkUrl(raw: Raw, variable: keyof Raw, { protocol, hostname }: URL, report: Report): void {
  if (protocol === 'http:' && raw.ALARM_ALLOW_HTTP !== 'true')
    report(variable, 'must begin with https://; ALARM_ALLOW_HTTP=true allows http:// outside of production')
  const host = hostname.replace(/^\[|\]$/g, '')
  const isAddress = host !== hostname || /^[\d.]+$/.test(host)
  if (!isAddress) return
  const found = addressClass(host)
  if (found === 'forbidden') report(variable, 'names an address that no webhook can have')
  if (found === 'private' && !privateHosts(raw)(host))
    report(variable, 'names a private address; ALARM_PRIVATE_HOSTS allows hosts by name')
}

function checkProduction(raw: Raw, production: string, report: Report): void {
  if (raw.ALARM_ALLOW_HTTP === 'true')
    report('ALARM_ALLOW_HTTP', `must not be true ${production}: alarms and secrets would travel unencrypted`)
  if (Array.isArray(raw.ALARM_PRIVATE_HOSTS) && raw.ALARM_PRIVATE_HOSTS.includes('*'))
    report('ALARM_PRIVATE_HOSTS', `must not be * ${production}; name the hosts`)
}

function privateHosts({ ALARM_PRIVATE_HOSTS: hosts }: Raw): (host: string) => boolean {
  const allowed = new Set((Array.isArray(hosts) ? hosts : []).map((host) => host.toLowerCase()))
  return (host) => allowed.has('*') || allowed.has(host.toLowerCase())
}

function keyOf(secret: string): Buffer | undefined {
  const [, text] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret) ?? []
  const key = text === undefined ? undefined : Buffer.from(text, 'base64')
  return key && key.length >= 24 && key.length <= 64 ? key : undefined
}

function sinksOf(raw: Raw): SinksConfig['sinks'] {
  const secret = raw.ALARM_WEBHOOK_SECRET === undefined ? undefined : keyOf(raw.ALARM_WEBHOOK_SECRET)
  const { ALARM_TELEGRAM_TOKEN: token, ALARM_TELEGRAM_CHAT_ID: chatId, ALARM_TELEGRAM_API_URL: apiUrl } = raw
  return {
    names: raw.ALARM_SINKS as SinkName[],
    slackUrl: raw.ALARM_SLACK_URL,
    discordUrl: raw.ALARM_DISCORD_URL,
    webhook: raw.ALARM_WEBHOOK_URL && secret && { url: raw.ALARM_WEBHOOK_URL, secret },
    telegram: apiUrl && token !== undefined && chatId !== undefined ? { apiUrl, token, chatId } : undefined,
    connectTimeoutMs: raw.ALARM_CONNECT_TIMEOUT_MS,
    totalTimeoutMs: raw.ALARM_TIMEOUT_MS,
    mayBePrivate: privateHosts(raw),
    circuit: { failures: raw.ALARM_CIRCUIT_FAILURES, firstPauseMs: raw.ALARM_CIRCUIT_PAUSE_MS },
  }
}
