import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Clients extends Disposable {
  /** For the producer. */
  readonly environment: Readonly<Record<string, string>>
  /** Headers by which a client is known. */
  of(name: string): { readonly authorization: string }
}

/** Clients with keys, each with the messages a minute that it may send. */
export function makeClients(ratesPerMinute: Readonly<Record<string, number>>): Clients {
  const folder = mkdtempSync(join(tmpdir(), 'producer-clients-'))
  const file = join(folder, 'keys.json')
  const keys = new Map(
    Object.keys(ratesPerMinute).map((name) => [name, `abk_${name}_${randomBytes(32).toString('base64url')}`]),
  )
  const clients = [...keys].map(([name, key]) => ({
    name,
    keyHashes: [`sha256:${createHash('sha256').update(key).digest('hex')}`],
    channels: '*',
    ratePerMinute: ratesPerMinute[name],
  }))
  writeFileSync(file, JSON.stringify({ clients }))
  return {
    environment: { PRODUCER_API_KEYS_FILE: file },
    of: (name) => ({ authorization: `Bearer ${keys.get(name)}` }),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  }
}
