import '@fastify/cookie'
import { Problem } from '@alarm-bus/service'
import type { FastifyInstance, FastifyRequest, RouteShorthandOptions } from 'fastify'
import type { KnownToken } from '../auth/people.ts'
import { isCsrfOf, newSession, type Session, type Sessions } from '../auth/sessions.ts'
import { CSRF_HEADER } from '../api.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who is logged in; undefined on the routes that anybody may use. */
    session: Session | undefined
  }
  interface FastifyContextConfig {
    /** Open without a session. */
    readonly isOpen?: boolean
    /** Only for operators. */
    readonly isForOperators?: boolean
  }
}

export const OPEN: RouteShorthandOptions = { config: { isOpen: true } }
export const FOR_OPERATORS: RouteShorthandOptions = { config: { isForOperators: true } }

export interface GuardOptions {
  readonly tokens: readonly KnownToken[]
  readonly sessions: Sessions
  readonly cookie: string
  readonly isDevelopment: boolean
}

const LOOPBACK = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1'])
/** What a browser on this machine calls it; another name may be one that a stranger's page resolves to here. */
const LOOPBACK_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i

/** Stands before every route of the scope: who it is, whether a write was meant by that person, and what the role allows. */
export function guard(scope: FastifyInstance, { tokens, sessions, cookie, isDevelopment }: GuardOptions): void {
  const anybody = newSession({ name: 'developer', role: 'operator', mayPublish: true }, true)
  const sessionOf = (request: FastifyRequest): Session | undefined => {
    const secret = request.cookies[cookie]
    const session = secret === undefined ? undefined : sessions.find(secret)
    if (session) return session
    const isHere = LOOPBACK.has(request.ip) && LOOPBACK_HOST.test(request.headers.host ?? '')
    return isDevelopment && tokens.length === 0 && isHere ? anybody : undefined
  }
  scope.decorateRequest('session', undefined)
  scope.addHook('onRequest', async (request) => {
    const { isOpen, isForOperators } = request.routeOptions.config
    const isWrite = request.method !== 'GET' && request.method !== 'HEAD'
    if (isWrite) refuseOtherSites(request)
    request.session = sessionOf(request)
    if (isOpen) return
    if (!request.session) throw notLoggedIn(isDevelopment && tokens.length === 0)
    if (isWrite && !isCsrfOf(request.session, request.headers[CSRF_HEADER])) throw forgedWrite()
    if (isForOperators && request.session.person.role !== 'operator') throw notAllowed('an operator')
  })
}

/** @throws Problem for a write that a page of another site sends. */
function refuseOtherSites({ headers }: FastifyRequest): void {
  const site = headers['sec-fetch-site']
  const { origin, host } = headers
  const isOther = site !== undefined && site !== 'same-origin'
  const isOtherOrigin = origin !== undefined && URL.parse(origin)?.host !== host
  if (isOther || isOtherOrigin) {
    throw new Problem({
      status: 403,
      slug: 'other-site',
      title: 'The request comes from another site',
      detail:
        'writes are taken from the console’s own pages alone; a proxy in front of it has to pass the host header on',
    })
  }
}

function notLoggedIn(isForThisMachine: boolean): Problem {
  return new Problem({
    status: 401,
    slug: 'unauthorized',
    title: 'Authentication required',
    detail: isForThisMachine
      ? 'without CONSOLE_TOKENS the console is open to this machine alone, as http://127.0.0.1:<port>; set CONSOLE_TOKENS to log in from elsewhere'
      : 'log in with a token',
  })
}

function forgedWrite(): Problem {
  return new Problem({
    status: 403,
    slug: 'csrf',
    title: 'The request lacks its token',
    detail: `send the csrf of GET /api/me in the header ${CSRF_HEADER}; reload the page`,
  })
}

export function notAllowed(who: string): Problem {
  return new Problem({
    status: 403,
    slug: 'forbidden',
    title: 'Not allowed',
    detail: `only ${who} may do this; ask whoever keeps CONSOLE_TOKENS`,
  })
}
