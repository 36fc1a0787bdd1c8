import { createHash, timingSafeEqual } from 'node:crypto'
import { Problem } from '@alarm-bus/service'
import type { onRequestAsyncHookHandler } from 'fastify'

/** Lets a request through that carries one of the tokens. Comparing takes the same time whatever is given. */
export function requireBearer(tokens: readonly string[]): onRequestAsyncHookHandler {
  const known = tokens.map(digest)
  return async (request, reply) => {
    const given = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
    const candidate = digest(given ?? '')
    // Every token is compared, so that the time says nothing of which it was.
    const matches = known.map((token) => timingSafeEqual(token, candidate)).includes(true)
    if (given !== undefined && matches) return
    reply.header('www-authenticate', 'Bearer realm="logs"')
    throw new Problem({
      status: 401,
      slug: 'unauthorized',
      title: 'A token is needed',
      detail: `${given === undefined ? 'there is no token' : 'the token is not known'}; send authorization: Bearer <token>`,
    })
  }
}

/** Of one length, as `timingSafeEqual` needs it. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
