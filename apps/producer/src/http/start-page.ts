import type { FastifyInstance } from 'fastify'

/** `GET /` where the documents are served: where a person goes from here. */
export function serveStartPage(http: FastifyInstance, consoleUrl: string): void {
  const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Alarm bus producer</title>
<h1>Alarm bus producer</h1>
<ul>
<li><a href="${consoleUrl}">The console</a>: what is on the bus, and what is wrong now</li>
<li><a href="/docs">HTTP API</a>: publish a message from the browser</li>
<li><a href="/docs/events">Events</a>: every channel with its schema, and who uses it</li>
</ul>
</html>
`
  http.get('/', { schema: { hide: true } }, async (_request, reply) =>
    reply.type('text/html; charset=utf-8').send(page),
  )
}
