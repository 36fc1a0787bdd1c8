import { createHash, timingSafeEqual } from 'node:crypto'
import { Problem } from '@alarm-bus/service'
import type { onRequestAsyncHookHandler } from 'fastify'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who reads, to tell one from another: which token it was; undefined where everybody may. */
    reader: string | undefined
  }
}

/** Lets a request through that carries one of the tokens. Comparing takes the same time whatever is given. */
export function requireBearer(tokens: readonly string[]): onRequestAsyncHookHandler {
  const known = tokens.map(digest)
  return async (request, reply) => {
    const given = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
    const candidate = digest(given ?? '')
    // Every token is compared, so that the time says nothing of which it was.
    const which = known.map((token) => timingSafeEqual(token, candidate)).indexOf(true)
    if (given !== undefined && which !== -1) {
      request.reader = `token ${which}`
      return
    }
    reply.header('www-authenticate', 'Bearer realm="logs"')
    throw new Problem({
      status: 401,
      slug: 'unauthorized',
      title: 'Authentication required',
      detail: `${given === undefined ? 'no token was sent' : 'the token is invalid'}; send authorization: Bearer <token>`,
    })
  }
}

/** Of one length, as `timingSafeEqual` needs it. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
