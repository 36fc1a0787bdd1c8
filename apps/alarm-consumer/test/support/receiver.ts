import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'

/** What a receiver was sent. */
export interface Received {
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly at: number
}

export interface Receiver extends AsyncDisposable {
  /** `http://127.0.0.1:41234` */
  readonly url: string
  readonly port: number
  readonly received: readonly Received[]
  /** Connections that are open now. */
  readonly open: number
  /** The most that were open at once. */
  readonly mostOpen: number
}

export type Answer = (response: ServerResponse, received: Received, index: number) => void

/** Answers with a status and headers. */
export function status(code: number, headers: Record<string, string> = {}, body = ''): Answer {
  return (response) => void response.writeHead(code, headers).end(body)
}

/** The answers in turn, the last one from then on. */
export function inTurn(...answers: readonly [Answer, ...Answer[]]): Answer {
  return (response, received, index) => (answers[index] ?? answers.at(-1))?.(response, received, index)
}

/** A real HTTP receiver on a free port. */
export async function startReceiver(answer: Answer = status(200), port = 0): Promise<Receiver> {
  const received: Received[] = []
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const each = { url: request.url ?? '', headers: request.headers, body, at: performance.now() }
      received.push(each)
      answer(response, each, received.length - 1)
    })
  })
  return receiverOf(server, received, port)
}

/** A receiver below HTTP: does with each connection what it is told, once bytes have come. */
export async function startRudeReceiver(onRequest: (socket: Socket, index: number) => void): Promise<Receiver> {
  const received: Received[] = []
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined)
    let text = ''
    socket.on('data', (chunk) => {
      const first = text === ''
      text += chunk.toString('latin1')
      if (!first) return
      received.push({ url: '', headers: {}, body: text, at: performance.now() })
      onRequest(socket, received.length - 1)
    })
  })
  return receiverOf(server, received, 0)
}

async function receiverOf(
  server: ReturnType<typeof createServer> | ReturnType<typeof createTcpServer>,
  received: readonly Received[],
  port: number,
): Promise<Receiver> {
  const sockets = new Set<Socket>()
  const open = new Set<Socket>()
  let mostOpen = 0
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    open.add(socket)
    mostOpen = Math.max(mostOpen, open.size)
    // The sender has let go once its half is closed; a rude receiver may keep the other.
    socket.on('end', () => open.delete(socket))
    socket.on('close', () => {
      open.delete(socket)
      sockets.delete(socket)
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const address = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    received,
    get open() {
      return open.size
    },
    get mostOpen() {
      return mostOpen
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
