import { createHash, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import type { Client } from './client.ts'

/** `abk_<client>_<secret>`: the client's name finds its hashes, and the prefix lets scanners find a key that got out. */
const KEY = /^abk_([a-z0-9-]{1,40})_[A-Za-z0-9_-]{43}$/
const MAX_CLIENTS = 1_000
/** Two while one takes the other's place. */
const MAX_KEYS = 4

const client = z.strictObject({
  name: z.string().regex(/^[a-z0-9-]{1,40}$/, 'must be 1 to 40 small letters, digits and "-"'),
  keyHashes: z
    .array(z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be "sha256:" and 64 hexadecimal digits'))
    .min(1)
    .max(MAX_KEYS),
  channels: z.union([z.literal('*'), z.array(z.string()).min(1)], 'must be "*" or a list of channel names'),
  ratePerMinute: z.int().min(1).max(10_000_000).optional(),
})

/** The content of the file that `PRODUCER_API_KEYS_FILE` names. It holds no key, only hashes. */
export const apiKeysDocument = z
  .strictObject({ clients: z.array(client).max(MAX_CLIENTS) })
  .refine(({ clients }) => new Set(clients.map(({ name }) => name)).size === clients.length, 'names a client twice')

export type ApiKeysDocument = z.infer<typeof apiKeysDocument>

/** Finds who a key belongs to; undefined for an unknown key. */
export type FindByKey = (key: string) => Client | undefined

/**
 * Keys are 256 random bits, so that a plain SHA-256 is enough and they cannot be guessed. The name in the key is no
 * secret; what is compared with a stored hash takes the same time wherever it differs.
 */
export function apiKeys({ clients }: ApiKeysDocument): FindByKey {
  const byName = new Map(
    clients.map(({ name, keyHashes, channels, ratePerMinute }) => [
      name,
      {
        client: { name: `key:${name}`, channels: channels === '*' ? channels : new Set(channels), ratePerMinute },
        hashes: keyHashes.map((hash) => Buffer.from(hash.slice('sha256:'.length), 'hex')),
      },
    ]),
  )
  return (key) => {
    const known = byName.get(KEY.exec(key)?.[1] ?? '')
    if (!known) return undefined
    const given = createHash('sha256').update(key).digest()
    return known.hashes.some((hash) => timingSafeEqual(hash, given)) ? known.client : undefined
  }
}
