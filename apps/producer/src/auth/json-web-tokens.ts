import type { KeyObject } from 'node:crypto'
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import { z } from 'zod'
import type { Client } from './client.ts'

/** Signatures that only the issuer can make: with a shared secret the producer could make tokens of its own. */
export const JWT_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'] as const

export interface JwtOptions {
  /** One public key, or the issuer's set, in which a token's `kid` finds its key. */
  readonly key: KeyObject | JSONWebKeySet
  readonly algorithm: (typeof JWT_ALGORITHMS)[number]
  readonly issuer: string
  readonly audience: string
}

/** Clocks of two machines differ by no more. */
const CLOCK_TOLERANCE_SECONDS = 5

const claims = z.object({
  sub: z.string().min(1).max(128),
  channels: z.union([z.literal('*'), z.array(z.string()).max(1_000)]),
})

/** Finds who a token was made for. Rejects for a token that is not valid, and for one without `sub` or `channels`. */
export type FindByToken = (token: string) => Promise<Client>

export function jsonWebTokens({ key, algorithm, issuer, audience }: JwtOptions): FindByToken {
  const checks = {
    algorithms: [algorithm],
    issuer,
    audience,
    requiredClaims: ['exp'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
  }
  const keySet = 'keys' in key ? createLocalJWKSet(key) : undefined
  return async (token) => {
    const { payload } = keySet
      ? await jwtVerify(token, keySet, checks)
      : await jwtVerify(token, key as KeyObject, checks)
    const { sub, channels } = claims.parse(payload)
    return { name: `jwt:${sub}`, channels: channels === '*' ? channels : new Set(channels) }
  }
}
