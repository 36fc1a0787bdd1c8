import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { Problem, PROBLEM_CONTENT_TYPE } from './problem.ts'

/** Answers what Node's parser refuses before there is a request: broken lines, control characters in a header, slow senders. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const problem = problemOf(error.code)
  const body = problem.toBody(randomUUID())
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    `Content-Type: ${PROBLEM_CONTENT_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

function problemOf(code: string | undefined): Problem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new Problem({
        status: 431,
        slug: 'headers-too-large',
        title: 'The headers are too large',
        detail: 'send fewer or shorter headers',
      })
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Problem({
        status: 408,
        slug: 'request-timeout',
        title: 'Request timeout',
        detail: 'send the whole request sooner',
      })
    default:
      return new Problem({
        status: 400,
        slug: 'malformed-http',
        title: 'The request is not valid HTTP',
        detail: `the request cannot be read (${code ?? 'unknown'}); control characters in a header are one reason`,
      })
  }
}
