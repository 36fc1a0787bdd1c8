import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import helmet from 'helmet'

/**
 * Sends helmet's headers with every answer. They are the same each time, so they are made once: as a plugin that makes
 * them anew they would cost as much as the rest of a request. Pages with a policy of their own keep it.
 */
export function sendSecurityHeaders(http: FastifyInstance): void {
  const headers = headersOfHelmet()
  http.addHook('onRequest', (_request, reply, done) => {
    reply.headers(headers)
    done()
  })
}

function headersOfHelmet(): Record<string, string> {
  const headers: Record<string, string> = {}
  const recorder = {
    setHeader: (name: string, value: string) => void (headers[name.toLowerCase()] = value),
    removeHeader: (name: string) => void delete headers[name.toLowerCase()],
  }
  helmet({
    // An answer is data. Nothing in it may act, and no page may frame it.
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    frameguard: { action: 'deny' },
    // These speak to pages and to browsers of long ago.
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
    originAgentCluster: false,
  })({} as IncomingMessage, recorder as unknown as ServerResponse, () => undefined)
  return headers
}
