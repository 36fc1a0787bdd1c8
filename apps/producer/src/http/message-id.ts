import { createHash } from 'node:crypto'
import type { Client } from '../auth/client.ts'

/**
 * The message id that an idempotency key stands for: the key itself where anybody may publish. Of a client it is a
 * digest of both, so that the same key of another client is another id, and no client learns another's keys. `index`
 * tells the messages of a batch apart.
 *
 * No two of (client, key, index) share an id: the middle dot is in no key, since keys are ASCII (`publishHeaders`); a
 * client's name begins with no bracket, and a key has no line break.
 */
export function messageIdOf(key: string, client: Client | undefined, index?: number): string {
  if (!client) return index === undefined ? key : `${key}·${index}`
  const own = index === undefined ? `${client.name}\n${key}` : JSON.stringify([client.name, key, index])
  return createHash('sha256').update(own).digest('base64url')
}
