import { Problem } from '@alarm-bus/service'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { loginInput, type Me } from '../api.ts'
import type { Audit } from '../audit/audit.ts'
import { type KnownToken, personWith } from '../auth/people.ts'
import type { Session, Sessions } from '../auth/sessions.ts'
import { checked } from './checked.ts'
import { OPEN } from './guard.ts'

const MAX_AGE_SECONDS = 12 * 60 * 60
/** Of one address, a minute. */
const MAX_LOGINS = 20

export interface SessionRoutesOptions {
  readonly tokens: readonly KnownToken[]
  readonly sessions: Sessions
  readonly cookie: string
  /** Only over TLS. */
  readonly isSecure: boolean
  readonly canPublish: boolean
  readonly version: string
  readonly audit: Audit
}

/** Who it is, login and logout. */
export function sessionRoutes(http: FastifyInstance, options: SessionRoutesOptions): void {
  const { tokens, sessions, cookie, isSecure, audit } = options
  const attributes = { httpOnly: true, sameSite: 'strict', path: '/', secure: isSecure } as const
  const meOf = (session: Session, request: FastifyRequest): Me => ({
    name: session.person.name,
    role: session.person.role,
    development: session.development,
    mayPublish: session.person.mayPublish && options.canPublish,
    csrf: session.csrf,
    locale: localeOf(request),
    version: options.version,
  })

  http.get('/me', async (request) => meOf(request.session as Session, request))

  const limit = { rateLimit: { max: MAX_LOGINS, timeWindow: 60_000 } }
  http.post('/session', { config: { ...OPEN.config, ...limit } }, async (request, reply) => {
    const { token } = checked('body', loginInput, request.body)
    const person = personWith(tokens, token)
    if (!person) {
      request.log.warn({ event: 'loginRefused', address: request.ip }, 'login refused: no such token')
      throw new Problem({
        status: 401,
        slug: 'unauthorized',
        title: 'The token is not known',
        detail: 'check the token; it may have been replaced',
      })
    }
    // Looking is no write: that somebody came in is written down where it can be.
    void audit
      .begin({ session: { person }, from: request.ip, action: 'login', target: 'console' })
      .then((act) => act.end('done', ''))
      .catch(() => undefined)
    const { session, secret } = sessions.begin(person)
    reply.setCookie(cookie, secret, { ...attributes, maxAge: MAX_AGE_SECONDS })
    return meOf(session, request)
  })

  http.delete('/session', async (request, reply) => {
    const secret = request.cookies[cookie]
    if (secret !== undefined) sessions.end(secret)
    return reply.clearCookie(cookie, attributes).code(204).send()
  })
}

function localeOf({ headers }: FastifyRequest): 'en' | 'ko' {
  const wanted = (headers['accept-language'] ?? '').slice(0, 256).split(',')
  const first = wanted.map((one) => one.trim().slice(0, 2).toLowerCase()).find((one) => one === 'ko' || one === 'en')
  return first === 'ko' ? 'ko' : 'en'
}
