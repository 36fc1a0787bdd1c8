import { createHash } from 'node:crypto'
import type { Client } from '../auth/client.ts'

/**
 * The message id that an idempotency key stands for: the key itself where anybody may publish. Of a client it is a
 * digest of both, so that the same key of another client is another id, and no client learns another's keys. `index`
 * tells the messages of a batch apart.
 */
export function messageIdOf(key: string, client: Client | undefined, index?: number): string {
  const own = index === undefined ? key : `${key}:${index}`
  if (!client) return own
  // A name has no line break, so no two pairs read alike.
  return createHash('sha256').update(`${client.name}\n${own}`).digest('base64url')
}
