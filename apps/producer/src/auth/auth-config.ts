import { createPublicKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { ALWAYS, oneOf, productionBecause } from '@alarm-bus/service'
import type { JSONWebKeySet } from 'jose'
import { z } from 'zod'
import { apiKeysDocument } from './api-keys.ts'
import type { AuthOptions } from './authenticator.ts'
import { JWT_ALGORITHMS } from './json-web-tokens.ts'

const JWT_VARIABLES = [
  'PRODUCER_JWT_KEY_FILE',
  'PRODUCER_JWT_ALG',
  'PRODUCER_JWT_ISSUER',
  'PRODUCER_JWT_AUDIENCE',
] as const

/** `auth` from PRODUCER_API_KEYS_FILE and PRODUCER_JWT_*; undefined where anybody may publish, never in production. */
export const authConfig = z
  .object({
    NODE_ENV: z.string().optional(),
    PRODUCER_API_KEYS_FILE: contentOf(parseApiKeys).optional(),
    PRODUCER_JWT_KEY_FILE: contentOf(parseKey).optional(),
    PRODUCER_JWT_ALG: oneOf(JWT_ALGORITHMS).optional(),
    PRODUCER_JWT_ISSUER: z.string().optional(),
    PRODUCER_JWT_AUDIENCE: z.string().optional(),
  })
  .superRefine((raw, context) => {
    const report = (variable: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [variable], message })
    const given = JWT_VARIABLES.filter((variable) => raw[variable] !== undefined)
    for (const variable of JWT_VARIABLES) {
      if (given.length > 0 && raw[variable] === undefined)
        report(variable, `is not set, but ${given[0]} is; tokens need all of ${JWT_VARIABLES.join(', ')}`)
    }
    const { PRODUCER_JWT_KEY_FILE: key, PRODUCER_JWT_ALG: algorithm } = raw
    // A bad file has no content here, only its own complaint.
    if (typeof key === 'object' && algorithm !== undefined && !fits(key, algorithm))
      report('PRODUCER_JWT_ALG', `is ${algorithm}, for which PRODUCER_JWT_KEY_FILE has no key`)
    const production = productionBecause(raw.NODE_ENV)
    if (production !== undefined && raw.PRODUCER_API_KEYS_FILE === undefined && given.length === 0) {
      report(
        'PRODUCER_API_KEYS_FILE',
        `is not set, and no ${JWT_VARIABLES.join(', ')} are; anybody could publish, which is refused ${production}`,
      )
    }
  }, ALWAYS)
  .transform((raw): { readonly auth: AuthOptions | undefined } => {
    const apiKeys = raw.PRODUCER_API_KEYS_FILE
    const { PRODUCER_JWT_KEY_FILE: key, PRODUCER_JWT_ALG: algorithm } = raw
    const { PRODUCER_JWT_ISSUER: issuer, PRODUCER_JWT_AUDIENCE: audience } = raw
    const jwt = key && algorithm && issuer && audience ? { key, algorithm, issuer, audience } : undefined
    if (!apiKeys && !jwt) return { auth: undefined }
    return { auth: { ...(apiKeys && { apiKeys }), ...(jwt && { jwt }) } }
  })

/** A variable that names a file, as what the file says. What cannot be used is a problem of the variable. */
function contentOf<T>(parse: (text: string) => T) {
  return z.string().transform((path, context): T => {
    try {
      return parse(readFileSync(path, 'utf8'))
    } catch (error) {
      context.addIssue(`names a file that cannot be used: ${(error as Error).message}`)
      return z.NEVER
    }
  })
}

function parseApiKeys(text: string) {
  const parsed = apiKeysDocument.safeParse(parseJson(text))
  if (parsed.success) return parsed.data
  throw new Error(parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`).join('; '))
}

const keySet = z.looseObject({ keys: z.array(z.looseObject({ kty: z.string() })).min(1) })

function parseKey(text: string): KeyObject | JSONWebKeySet {
  // The holder of the private key makes tokens; it has no place here.
  if (text.includes('PRIVATE KEY')) throw new Error('it holds a private key; give the public one')
  if (!text.trimStart().startsWith('{')) return createPublicKey(text)
  const parsed = keySet.safeParse(parseJson(text))
  if (!parsed.success) throw new Error('it is not a set of keys: { "keys": [{ "kty": … }] }')
  if (parsed.data.keys.some((key) => 'd' in key)) throw new Error('it holds a private key; give the public one')
  return parsed.data as JSONWebKeySet
}

/** The text itself is not shown: a file given by mistake may hold anything. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('it is not JSON')
  }
}

const KEY_TYPES: Readonly<Record<(typeof JWT_ALGORITHMS)[number], { readonly kty: string; readonly type: string }>> = {
  RS256: { kty: 'RSA', type: 'rsa' },
  PS256: { kty: 'RSA', type: 'rsa' },
  ES256: { kty: 'EC', type: 'ec' },
  EdDSA: { kty: 'OKP', type: 'ed25519' },
}

function fits(key: KeyObject | JSONWebKeySet, algorithm: (typeof JWT_ALGORITHMS)[number]): boolean {
  const { kty, type } = KEY_TYPES[algorithm]
  return 'keys' in key ? key.keys.some((one) => one.kty === kty) : key.asymmetricKeyType === type
}
