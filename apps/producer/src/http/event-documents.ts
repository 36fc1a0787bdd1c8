import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { FastifyInstance } from 'fastify'

/** Made by `pnpm contracts:docs`; the same place from the sources and from what was built. */
const FOLDER = new URL('../../docs/', import.meta.url)

const DOCUMENTS = [
  { path: '/asyncapi.json', file: 'asyncapi.json', type: 'application/json; charset=utf-8' },
  { path: '/asyncapi.yaml', file: 'asyncapi.yaml', type: 'application/yaml; charset=utf-8' },
  { path: '/docs/events', file: 'events.html', type: 'text/html; charset=utf-8' },
] as const

/** The AsyncAPI document of the whole bus, for programs and for people. Read once, at start. */
export async function serveEventDocuments(http: FastifyInstance): Promise<void> {
  for (const { path, file, type } of DOCUMENTS) {
    const body = await readFile(new URL(file, FOLDER), 'utf8')
    const headers = { 'cache-control': 'no-cache', etag: `"${hashOf(body)}"`, ...policyOf(body) }
    http.get(path, { schema: { hide: true } }, async (request, reply) => {
      reply.headers(headers)
      if (request.headers['if-none-match'] === headers.etag) return reply.code(304).send()
      return reply.type(type).send(body)
    })
  }
}

/** The page needs its own style sheet and nothing else, so nothing else may act in it. */
function policyOf(body: string): { readonly 'content-security-policy'?: string } {
  const style = /<style>([^]*?)<\/style>/.exec(body)?.[1]
  if (style === undefined) return {}
  return {
    'content-security-policy': `default-src 'none'; style-src 'sha256-${hashOf(style)}'; frame-ancestors 'none'`,
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64')
}
