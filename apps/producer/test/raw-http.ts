import { connect } from 'node:net'

/** Sends bytes that no HTTP client would, and returns the answer as it came. */
export async function sendRaw(
  url: string,
  request: string,
): Promise<{ readonly status: number; readonly head: string; readonly body: string }> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  socket.setTimeout(10_000, () => socket.destroy(new Error('no answer within 10 s')))
  socket.write(Buffer.from(request, 'latin1'))
  let answer = ''
  for await (const chunk of socket) answer += chunk
  const [head = '', body = ''] = answer.split('\r\n\r\n', 2)
  return { status: Number(head.split(' ')[1]), head, body }
}

/** A publish with one header line as it is given, on a connection that ends with the answer. */
export function rawPublish(headerLine: string, body: string): string {
  return [
    'POST /channels/alarm-to-bot/messages HTTP/1.1',
    'Host: test',
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    headerLine,
    '',
    body,
  ].join('\r\n')
}
