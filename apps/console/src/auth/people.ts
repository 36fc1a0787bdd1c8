import { createHash, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import type { Role } from '../api.ts'

/** Characters of a token: 32 of them, chosen at random, are beyond guessing. */
const MIN_TOKEN_CHARACTERS = 32
const MAX_PEOPLE = 1_000
const NAME = /^[A-Za-z0-9._@-]{1,64}$/
const HASH = /^sha256:[0-9a-f]{64}$/
const RIGHTS = ['viewer', 'operator', 'operator+publish'] as const

/** Somebody who may log in. */
export interface Person {
  readonly name: string
  readonly role: Role
  /** Whether messages may be published through the console. */
  readonly mayPublish: boolean
}

/** A line of CONSOLE_TOKENS: whose token it is, by its SHA-256. */
export interface KnownToken {
  readonly person: Person
  readonly digest: Buffer
  /** As it was given; a hash stands for none. */
  readonly token: string | undefined
}

/** `name:role:token`, several with commas or line breaks between them. */
export const tokenList = z.string().transform((list, context): readonly KnownToken[] => {
  const lines = list
    .split(/[,\n]/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
  const refuse = (message: string): never[] => {
    context.addIssue({ code: 'custom', message })
    return []
  }
  if (lines.length > MAX_PEOPLE) return refuse(`must be at most ${MAX_PEOPLE} tokens, not ${lines.length}`)
  const known: KnownToken[] = []
  for (const [index, line] of lines.entries()) {
    const [name = '', right = '', ...rest] = line.split(':')
    const token = rest.join(':')
    const nth = `entry ${index + 1} of ${lines.length}`
    if (!NAME.test(name))
      return refuse(`${nth}: must begin with a name of letters, digits and "._@-", as ada:operator:<token>`)
    if (!(RIGHTS as readonly string[]).includes(right))
      return refuse(`${nth} (${name}): the role must be one of ${RIGHTS.join(', ')}`)
    if (HASH.test(token)) {
      known.push({ person: personOf(name, right), digest: Buffer.from(token.slice(7), 'hex'), token: undefined })
      continue
    }
    if (!/^[\x21-\x7e]+$/.test(token) || token.length < MIN_TOKEN_CHARACTERS)
      return refuse(
        `${nth} (${name}): the token must have at least ${MIN_TOKEN_CHARACTERS} characters without blanks (openssl rand -hex 32), or be sha256:<hash of it>`,
      )
    known.push({ person: personOf(name, right), digest: digestOf(token), token })
  }
  return known
})

function personOf(name: string, right: string): Person {
  return { name, role: right === 'viewer' ? 'viewer' : 'operator', mayPublish: right === 'operator+publish' }
}

/** Whose token it is; undefined for one that nobody has. Every one is compared, so that the time says nothing. */
export function personWith(known: readonly KnownToken[], token: string): Person | undefined {
  const given = digestOf(token)
  let found: Person | undefined
  for (const { digest, person } of known) if (timingSafeEqual(digest, given)) found ??= person
  return found
}

/** Of one length, as `timingSafeEqual` needs it. */
function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
