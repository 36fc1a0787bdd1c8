import { createHash, randomBytes } from 'node:crypto'

const KEY_BYTES = 32

/** A client of the producer's API as the file of PRODUCER_API_KEYS_FILE has it; it holds the key's hash alone. */
export interface ApiClient {
  readonly name: string
  readonly keyHashes: readonly string[]
  readonly channels: readonly string[] | '*'
}

/** A new key, which is stored nowhere, and its client. `*`: every channel there is. */
export function makeApiKey(
  name: string,
  channels: readonly string[] | '*',
): { readonly key: string; readonly client: ApiClient } {
  const key = `abk_${name}_${randomBytes(KEY_BYTES).toString('base64url')}`
  const keyHash = `sha256:${createHash('sha256').update(key).digest('hex')}`
  return { key, client: { name, keyHashes: [keyHash], channels } }
}
