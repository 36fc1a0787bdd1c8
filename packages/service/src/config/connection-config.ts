import { appVariable } from '@alarm-bus/contracts'
import { isDevSecret, productionBecause } from '@alarm-bus/environment'
import type { ConnectionAuth, ConnectionOptions, ConnectionTls } from '@alarm-bus/nats-kit'
import { z } from 'zod'
import { ALWAYS, existingFile, secret } from './pieces.ts'

const DEFAULT_SERVER = 'nats://127.0.0.1:4222'

/** Ways to prove who the app is that exclude each other. The app's own password variable is only a fallback. */
const EXCLUSIVE = ['NATS_PASSWORD', 'NATS_TOKEN', 'NATS_NKEY_SEED', 'NATS_CREDS_FILE'] as const

const serverList = z
  .string()
  .default(DEFAULT_SERVER)
  .transform((list) =>
    list
      .split(',')
      .map((server) => server.trim())
      .filter((server) => server !== ''),
  )
  .superRefine((list, context) => {
    if (list.length === 0) context.addIssue('must name at least one server, as nats://host:port')
    list.forEach((server, index) => {
      const problem = serverProblem(server)
      if (problem !== undefined) context.addIssue(`has a server (number ${index + 1}) that ${problem}`)
    })
  })

/** The address itself is not shown: a mistyped one may hold a password. */
function serverProblem(server: string): string | undefined {
  let url: URL
  try {
    url = new URL(server.includes('://') ? server : `nats://${server}`)
  } catch {
    return 'is not an address; use nats://host:port, several with commas between them'
  }
  if (url.username !== '' || url.password !== '') {
    return 'carries credentials, which would end in logs; use NATS_USER and NATS_PASSWORD, or NATS_TOKEN'
  }
  if (!['nats:', 'tls:'].includes(url.protocol) || url.hostname === '')
    return 'is not an address; use nats://host:port or tls://host:port'
  return undefined
}

/** The variable with one app's password: `NATS_ALARM_CONSUMER_PASSWORD`. */
export function passwordVariable(app: string): string {
  return `NATS_${appVariable(app, 'PASSWORD')}`
}

/** `connection` from NATS_*: servers, credentials, TLS. */
export function connectionConfig({ app, version }: { readonly app: string; readonly version: string }) {
  const ownPassword = passwordVariable(app)
  return z
    .object({
      NODE_ENV: z.string().optional(),
      NATS_SERVERS: serverList,
      NATS_USER: z.string().optional(),
      NATS_PASSWORD: secret(z.string().optional()),
      [ownPassword]: secret(z.string().optional()),
      NATS_TOKEN: secret(z.string().optional()),
      NATS_NKEY_SEED: secret(
        z
          .string()
          .regex(/^SU[A-Z2-7]{56}$/, 'must be a user nkey seed: 58 characters that begin with SU')
          .optional(),
      ),
      NATS_CREDS_FILE: existingFile.optional(),
      NATS_TLS_CA_FILE: existingFile.optional(),
      NATS_TLS_CERT_FILE: existingFile.optional(),
      NATS_TLS_KEY_FILE: existingFile.optional(),
      NATS_TLS_HANDSHAKE_FIRST: z.enum(['true', 'false'], 'must be true or false').optional(),
    })
    .superRefine((raw, context) => {
      const report = (variable: string, message: string): void =>
        context.addIssue({ code: 'custom', path: [variable], message })
      checkCredentials(raw as Variables, ownPassword, report)
      checkTls(raw as Variables, report)
      const production = productionBecause(raw.NODE_ENV as string | undefined)
      if (production !== undefined) checkProduction(raw as Variables, ownPassword, production, report)
    }, ALWAYS)
    .transform((raw): { readonly connection: ConnectionOptions } => {
      const auth = authOf(raw as Variables, app, ownPassword)
      const tls = tlsOf(raw as Variables)
      // The computed name in the shape hides the types of the others.
      const servers = raw.NATS_SERVERS as readonly string[]
      return { connection: { name: app, version, servers, ...(auth && { auth }), ...(tls && { tls }) } }
    })
}

type Variables = Readonly<Record<string, string | undefined>>
type Report = (variable: string, message: string) => void

function checkCredentials(raw: Variables, ownPassword: string, report: Report): void {
  const given = EXCLUSIVE.filter((variable) => raw[variable] !== undefined)
  for (const variable of given.slice(1)) {
    report(variable, `is set beside ${given[0]}; give one way to authenticate: ${EXCLUSIVE.join(', ')}`)
  }
  if (raw.NATS_USER === undefined) return
  const usesPassword = given[0] === 'NATS_PASSWORD' || (given.length === 0 && raw[ownPassword] !== undefined)
  if (usesPassword) return
  report(
    'NATS_USER',
    given.length === 0
      ? `is set without a password; set NATS_PASSWORD or ${ownPassword}`
      : `is set beside ${given[0]}, which needs no user; remove one of them`,
  )
}

function checkTls(raw: Variables, report: Report): void {
  if (raw.NATS_TLS_CERT_FILE !== undefined && raw.NATS_TLS_KEY_FILE === undefined) {
    report('NATS_TLS_KEY_FILE', 'is not set, but NATS_TLS_CERT_FILE is; a certificate needs its key')
  }
  if (raw.NATS_TLS_KEY_FILE !== undefined && raw.NATS_TLS_CERT_FILE === undefined) {
    report('NATS_TLS_CERT_FILE', 'is not set, but NATS_TLS_KEY_FILE is; a key needs its certificate')
  }
}

function checkProduction(raw: Variables, ownPassword: string, production: string, report: Report): void {
  const password = raw.NATS_PASSWORD === undefined ? ownPassword : 'NATS_PASSWORD'
  if (isDevSecret(raw[password])) {
    report(password, `is a password of the development set-up, refused ${production}; set one of your own`)
  }
  if ([...EXCLUSIVE, ownPassword].every((variable) => raw[variable] === undefined)) {
    const ways = EXCLUSIVE.join(', ')
    report(ownPassword, `is not set, and no other credentials are; it or one of ${ways} is needed ${production}`)
  }
}

function authOf(raw: Variables, app: string, ownPassword: string): ConnectionAuth | undefined {
  if (raw.NATS_TOKEN !== undefined) return { token: raw.NATS_TOKEN }
  if (raw.NATS_NKEY_SEED !== undefined) return { nkeySeed: raw.NATS_NKEY_SEED }
  if (raw.NATS_CREDS_FILE !== undefined) return { credsFile: raw.NATS_CREDS_FILE }
  const password = raw.NATS_PASSWORD ?? raw[ownPassword]
  return password === undefined ? undefined : { user: raw.NATS_USER ?? app, password }
}

function tlsOf(raw: Variables): ConnectionTls | undefined {
  const tls: ConnectionTls = {
    ...(raw.NATS_TLS_CA_FILE !== undefined && { caFile: raw.NATS_TLS_CA_FILE }),
    ...(raw.NATS_TLS_CERT_FILE !== undefined && { certFile: raw.NATS_TLS_CERT_FILE }),
    ...(raw.NATS_TLS_KEY_FILE !== undefined && { keyFile: raw.NATS_TLS_KEY_FILE }),
    ...(raw.NATS_TLS_HANDSHAKE_FIRST === 'true' && { handshakeFirst: true }),
  }
  return Object.keys(tls).length === 0 ? undefined : tls
}
