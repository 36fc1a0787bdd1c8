import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Person } from './people.ts'

/** A working day; then one logs in again. */
const MAX_AGE_MS = 12 * 60 * 60 * 1_000
/** Past it the oldest ends. */
const MAX_SESSIONS = 1_000

/** Somebody who is logged in. */
export interface Session {
  readonly person: Person
  /** What a write has to bring along, which no other site's page can know. */
  readonly csrf: string
  /** Without a token, on this machine, in development. */
  readonly development: boolean
}

export interface Sessions {
  /** @returns the session, and the secret that the cookie carries. */
  begin(person: Person): { readonly session: Session; readonly secret: string }
  find(secret: string): Session | undefined
  end(secret: string): void
}

/** In memory: a restart ends them all. What is kept is the hash of a secret, and not the secret. */
export function createSessions(now: () => number = Date.now): Sessions {
  const sessions = new Map<string, { readonly session: Session; readonly endsAtMs: number }>()
  return {
    begin(person) {
      const secret = randomSecret()
      const session = newSession(person, false)
      const [oldest] = sessions.keys()
      if (sessions.size >= MAX_SESSIONS && oldest !== undefined) sessions.delete(oldest)
      sessions.set(hashOf(secret), { session, endsAtMs: now() + MAX_AGE_MS })
      return { session, secret }
    },
    find(secret) {
      const key = hashOf(secret)
      const found = sessions.get(key)
      if (found && found.endsAtMs > now()) return found.session
      sessions.delete(key)
      return undefined
    },
    end: (secret) => void sessions.delete(hashOf(secret)),
  }
}

export function newSession(person: Person, development: boolean): Session {
  return { person, csrf: randomSecret(), development }
}

/** Takes the same time whatever is given. */
export function isCsrfOf(session: Session, given: unknown): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return typeof given === 'string' && timingSafeEqual(digest(session.csrf), digest(given))
}

function randomSecret(): string {
  return randomBytes(32).toString('base64url')
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64')
}
