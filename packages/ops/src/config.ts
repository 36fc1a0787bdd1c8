import { UsageError } from '@alarm-bus/command-line'
import { existsSync } from 'node:fs'
import { type Environment, isDevSecret, productionBecause, readSecretFiles } from '@alarm-bus/environment'
import type { ConnectionAuth, ConnectionTls } from '@alarm-bus/nats-kit'
import { z } from 'zod'

export interface AdminConfig {
  readonly servers: readonly string[]
  readonly auth?: ConnectionAuth
  /** Who destroys and migrates. Not given: it is not allowed; or a bare broker, where `auth` is not given either. */
  readonly migratorAuth?: ConnectionAuth
  readonly tls?: ConnectionTls
  readonly replicas?: number
}

/** Each may come from the file that `<NAME>_FILE` names. */
const SECRETS = [
  'NATS_ADMIN_PASSWORD',
  'NATS_ADMIN_NKEY_SEED',
  'NATS_MIGRATOR_PASSWORD',
  'NATS_MIGRATOR_NKEY_SEED',
] as const

const nkeySeed = z
  .string()
  .regex(/^SU[A-Z2-7]{56}$/, 'must be a user nkey seed: 58 characters that begin with SU')
  .optional()

const file = z.string().refine(existsSync, 'names a file that does not exist').optional()

const schema = z
  .object({
    NODE_ENV: z.string().optional(),
    NATS_SERVERS: z.string().optional(),
    NATS_PORT: z
      .string()
      .regex(/^\d{1,5}$/, 'must be a port')
      .default('4222'),
    NATS_ADMIN_USER: z.string().default('admin'),
    NATS_ADMIN_PASSWORD: z.string().optional(),
    NATS_ADMIN_NKEY_SEED: nkeySeed,
    NATS_MIGRATOR_USER: z.string().default('migrator'),
    NATS_MIGRATOR_PASSWORD: z.string().optional(),
    NATS_MIGRATOR_NKEY_SEED: nkeySeed,
    NATS_ADMIN_CREDS_FILE: file,
    NATS_MIGRATOR_CREDS_FILE: file,
    NATS_TLS_CA_FILE: file,
    NATS_TLS_CERT_FILE: file,
    NATS_TLS_KEY_FILE: file,
    NATS_TLS_HANDSHAKE_FIRST: z.enum(['true', 'false'], 'must be true or false').default('false'),
    STREAM_REPLICAS: z.enum(['1', '3', '5'], 'must be 1, 3 or 5').optional(),
  })
  .superRefine((raw, context) => {
    const production = productionBecause(raw.NODE_ENV)
    if (production === undefined) return
    const report = (variable: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [variable], message })
    for (const user of ['ADMIN', 'MIGRATOR'] as const) {
      const variable = `NATS_${user}_PASSWORD` as const
      if (hasKey(raw, user) || !isDevSecret(raw[variable])) continue
      report(variable, `is a password of the development set-up, refused ${production}`)
    }
    if (raw.NATS_ADMIN_PASSWORD === undefined && !hasKey(raw, 'ADMIN'))
      report(
        'NATS_ADMIN_PASSWORD',
        `is not set, and neither NATS_ADMIN_NKEY_SEED nor NATS_ADMIN_CREDS_FILE is; one of them is needed ${production}`,
      )
  })

/**
 * Reads who and where from the environment; an empty variable counts as not set.
 *
 * @throws UsageError with every bad variable.
 */
export function readEnvironment(environment: Environment): AdminConfig {
  const raw = parse(environment)
  const tls = tlsOf(raw)
  const auth = authOf(raw, 'ADMIN')
  const migratorAuth = authOf(raw, 'MIGRATOR')
  return {
    servers: serversOf(raw),
    ...(auth === undefined ? {} : { auth }),
    ...(migratorAuth === undefined ? {} : { migratorAuth }),
    ...(tls === undefined ? {} : { tls }),
    ...(raw.STREAM_REPLICAS === undefined ? {} : { replicas: Number(raw.STREAM_REPLICAS) }),
  }
}

type Raw = z.output<typeof schema>

function parse(environment: Environment): Raw {
  const { environment: whole, fromFiles, problems } = readSecretFiles(environment, SECRETS)
  const given = Object.entries(whole).filter(([, value]) => value !== undefined && value.trim() !== '')
  const parsed = schema.safeParse(Object.fromEntries(given))
  if (parsed.success && problems.length === 0) return parsed.data
  const unread = problems.map(({ variable, problem }) => `${variable} ${problem}`)
  const unusable = (parsed.error?.issues ?? [])
    .map(({ path, message }) => ({ name: path.join('.'), message }))
    // That it is not set follows from its file.
    .filter(({ name }) => !problems.some(({ secret }) => secret === name))
    .map(({ name, message }) => `${fromFiles.has(name) ? `${name}_FILE` : name} ${message}`)
  throw new UsageError(`bad configuration: ${[...unread, ...unusable].join('; ')}`)
}

function hasKey(raw: Readonly<Record<string, unknown>>, user: 'ADMIN' | 'MIGRATOR'): boolean {
  return raw[`NATS_${user}_NKEY_SEED`] !== undefined || raw[`NATS_${user}_CREDS_FILE`] !== undefined
}

/** Credentials and a seed go before a password, of which `.env.example` always has one. With neither: a bare broker without users. */
function authOf(raw: Raw, user: 'ADMIN' | 'MIGRATOR'): ConnectionAuth | undefined {
  const credsFile = raw[`NATS_${user}_CREDS_FILE`]
  if (credsFile !== undefined) return { credsFile }
  const nkeySeed = raw[`NATS_${user}_NKEY_SEED`]
  if (nkeySeed !== undefined) return { nkeySeed }
  const password = raw[`NATS_${user}_PASSWORD`]
  return password === undefined ? undefined : { user: raw[`NATS_${user}_USER`], password }
}

/** Without NATS_SERVERS: the broker that `pnpm dev` or compose started on this machine. */
function serversOf(raw: Raw): readonly string[] {
  if (raw.NATS_SERVERS === undefined) return [`nats://127.0.0.1:${raw.NATS_PORT}`]
  return raw.NATS_SERVERS.split(',')
    .map((server) => server.trim())
    .filter((server) => server !== '')
}

function tlsOf(raw: Raw): ConnectionTls | undefined {
  const tls: ConnectionTls = {
    ...(raw.NATS_TLS_CA_FILE === undefined ? {} : { caFile: raw.NATS_TLS_CA_FILE }),
    ...(raw.NATS_TLS_CERT_FILE === undefined ? {} : { certFile: raw.NATS_TLS_CERT_FILE }),
    ...(raw.NATS_TLS_KEY_FILE === undefined ? {} : { keyFile: raw.NATS_TLS_KEY_FILE }),
    ...(raw.NATS_TLS_HANDSHAKE_FIRST === 'true' ? { handshakeFirst: true } : {}),
  }
  return Object.keys(tls).length === 0 ? undefined : tls
}
