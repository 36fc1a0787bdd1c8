import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { ConnectionAuth, ConnectionTls } from '@alarm-bus/nats-kit'
import { z } from 'zod'

/** What a person typed cannot be used; the message lists everything that is wrong. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export interface Flags {
  readonly json: boolean
  readonly dryRun: boolean
  readonly createOnly: boolean
  readonly help: boolean
  readonly waitMs: number
}

/** @throws UsageError for a flag that does not exist or a number that is none. */
export function readFlags(argv: readonly string[]): Flags {
  try {
    const { values } = parseArgs({
      // pnpm 12 hands a "--" on to the script.
      args: argv.filter((argument) => argument !== '--'),
      options: {
        json: { type: 'boolean', default: false },
        'dry-run': { type: 'boolean', default: false },
        'create-only': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
        'wait-ms': { type: 'string', default: '30000' },
      },
    })
    if (!/^\d{1,9}$/.test(values['wait-ms'])) {
      throw new UsageError(`--wait-ms must be a whole number of milliseconds, not ${JSON.stringify(values['wait-ms'])}`)
    }
    const { json, help } = values
    return {
      json,
      help,
      dryRun: values['dry-run'],
      createOnly: values['create-only'],
      waitMs: Number(values['wait-ms']),
    }
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError((error as Error).message, { cause: error })
  }
}

export interface AdminConfig {
  readonly servers: readonly string[]
  readonly auth?: ConnectionAuth
  readonly tls?: ConnectionTls
  readonly replicas?: number
}

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
    NATS_ADMIN_NKEY_SEED: z
      .string()
      .regex(/^SU[A-Z2-7]{56}$/, 'must be a user nkey seed: 58 characters that begin with SU')
      .optional(),
    NATS_TLS_CA_FILE: file,
    NATS_TLS_CERT_FILE: file,
    NATS_TLS_KEY_FILE: file,
    NATS_TLS_HANDSHAKE_FIRST: z.enum(['true', 'false'], 'must be true or false').default('false'),
    STREAM_REPLICAS: z.enum(['1', '3', '5'], 'must be 1, 3 or 5').optional(),
  })
  .refine((raw) => raw.NODE_ENV !== 'production' || !usesDevPassword(raw), {
    path: ['NATS_ADMIN_PASSWORD'],
    message: 'is a password of the development set-up, refused with NODE_ENV=production',
  })

function usesDevPassword(raw: { readonly [name: string]: unknown }): boolean {
  return raw['NATS_ADMIN_NKEY_SEED'] === undefined && String(raw['NATS_ADMIN_PASSWORD']).startsWith('dev-only')
}

/**
 * Reads who and where from the environment; an empty variable counts as not set.
 *
 * @throws UsageError with every bad variable.
 */
export function readEnvironment(environment: Readonly<Record<string, string | undefined>>): AdminConfig {
  const given = Object.entries(environment).filter(([, value]) => value !== undefined && value.trim() !== '')
  const parsed = schema.safeParse(Object.fromEntries(given))
  if (!parsed.success) {
    throw new UsageError(
      `bad configuration: ${parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`).join('; ')}`,
    )
  }
  const raw = parsed.data
  const tls = tlsOf(raw)
  const auth = authOf(raw)
  return {
    servers: serversOf(raw),
    ...(auth === undefined ? {} : { auth }),
    ...(tls === undefined ? {} : { tls }),
    ...(raw.STREAM_REPLICAS === undefined ? {} : { replicas: Number(raw.STREAM_REPLICAS) }),
  }
}

type Raw = z.output<typeof schema>

/** A seed goes before a password, of which `.env.example` always has one. With neither: a bare broker without users. */
function authOf(raw: Raw): ConnectionAuth | undefined {
  if (raw.NATS_ADMIN_NKEY_SEED !== undefined) return { nkeySeed: raw.NATS_ADMIN_NKEY_SEED }
  if (raw.NATS_ADMIN_PASSWORD === undefined) return undefined
  return { user: raw.NATS_ADMIN_USER, password: raw.NATS_ADMIN_PASSWORD }
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
