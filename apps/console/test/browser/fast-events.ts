import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Overview } from '../../src/api.ts'

/** A console in front of the console, whose overview changes as often as the server ever lets it. */
export interface FastEvents extends AsyncDisposable {
  readonly url: string
  /** Changes sent so far. */
  readonly sent: () => number
}

const PER_SECOND = 50

/** Passes everything on but the events, of which it makes fifty a second from the real overview. */
export async function startFastEvents(consoleUrl: string): Promise<FastEvents> {
  let sent = 0
  const server = createServer((request, response) => {
    const upstream = httpRequest(
      `${consoleUrl}${request.url === '/api/events' ? '/api/overview' : request.url}`,
      // With the browser's own host, beside which the console looks at the origin.
      { method: request.method ?? 'GET', headers: request.headers },
      (answer) => {
        if (request.url !== '/api/events') {
          response.writeHead(answer.statusCode ?? 502, answer.headers)
          answer.pipe(response)
          return
        }
        let text = ''
        answer.setEncoding('utf8').on('data', (part: string) => (text += part))
        answer.on('end', () => {
          const overview = JSON.parse(text) as Overview
          response.writeHead(200, { 'content-type': 'text/event-stream' })
          response.write(`event: overview\ndata: ${text}\n\n`)
          const timer = setInterval(() => {
            sent += 1
            response.write(`event: change\ndata: ${JSON.stringify(changed(overview, sent))}\n\n`)
          }, 1_000 / PER_SECOND)
          response.on('close', () => clearInterval(timer))
        })
      },
    )
    upstream.on('error', () => response.destroy())
    request.pipe(upstream)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sent: () => sent,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Every figure of the map is another one. */
function changed({ channels, handles }: Overview, step: number): Partial<Overview> {
  return {
    lookedAtMs: Date.now(),
    channels: channels.map((channel) => ({ ...channel, messages: step, publishedPerSecond: step % 97 })),
    handles: handles.map((handle) => ({ ...handle, lag: step % 89, handledPerSecond: step % 83 })),
  }
}
