import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import { Problem, type SendProblem } from '@alarm-bus/service'
import type { FastifyInstance, FastifyReply } from 'fastify'

/** What `pnpm --filter console build` makes; the same place from the sources, from what was built and from its bundle. */
const FOLDER = fileURLToPath(new URL('../../web/dist/', import.meta.url))
/** What Vite names after its content. */
const HASHED = /[\\/]assets[\\/]/

/** The page and what it loads. Every path that is no file's is the page's own to understand. */
export async function servePages(http: FastifyInstance, sendProblem: SendProblem): Promise<void> {
  await http.register(fastifyStatic, {
    root: FOLDER,
    wildcard: true,
    index: false,
    cacheControl: false,
    setHeaders: (reply, path) => {
      void reply.header('cache-control', HASHED.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache')
    },
  })
  http.get('/', (_request, reply) => page(reply))
  http.setNotFoundHandler((request, reply) => {
    const isPage = request.method === 'GET' && !/\.[a-z0-9]+$/i.test(request.url.split('?', 1)[0] ?? '')
    return isPage ? page(reply) : sendProblem(noSuchFile(), request, reply)
  })
}

function page(reply: FastifyReply): FastifyReply {
  if (existsSync(`${FOLDER}index.html`)) return reply.sendFile('index.html')
  return reply.code(503).type('text/html; charset=utf-8').header('cache-control', 'no-store').send(NOT_BUILT)
}

function noSuchFile(): Problem {
  const detail = 'there is no such file; reload the page'
  return new Problem({ status: 404, slug: 'no-such-file', title: 'There is nothing here', detail })
}

const NOT_BUILT = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="2">
<title>Alarm bus console</title>
<h1>The console's page is not built</h1>
<p><code>pnpm dev</code> builds it, which takes a few seconds; this page then shows it. Otherwise build it:</p>
<pre>npx --yes pnpm@12 --filter console run web</pre>
</html>
`
