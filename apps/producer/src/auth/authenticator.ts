import { type ApiKeysDocument, apiKeys } from './api-keys.ts'
import type { Client } from './client.ts'
import { jsonWebTokens, type JwtOptions } from './json-web-tokens.ts'

/** Ways for a client to prove who it is; both may be open at once. */
export interface AuthOptions {
  readonly apiKeys?: ApiKeysDocument
  readonly jwt?: JwtOptions
}

/**
 * Who presents this, the value of `Authorization`.
 *
 * - A key is looked up at once, a token's signature takes a promise.
 * - undefined, or a rejection, when it proves nothing. It says nothing of why: that helps only a caller that guesses.
 */
export type Authenticate = (authorization: string) => Client | undefined | Promise<Client>

export function createAuthenticator(options: AuthOptions): Authenticate {
  const findByKey = options.apiKeys && apiKeys(options.apiKeys)
  const findByToken = options.jwt && jsonWebTokens(options.jwt)
  return (authorization) => {
    const credentials = /^bearer +([^ ]+) *$/i.exec(authorization)?.[1]
    if (credentials === undefined) return undefined
    if (credentials.startsWith('abk_')) return findByKey?.(credentials)
    return findByToken?.(credentials)
  }
}
