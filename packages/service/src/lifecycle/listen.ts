import type { FastifyInstance } from 'fastify'
import type { ServiceConfig } from '../config/service-config.ts'

/** HTTP cannot listen; the message names the address and the variable that changes it. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
}

/**
 * Listens and says where.
 *
 * @throws ListenError when the address cannot be had.
 */
export async function listen(
  http: FastifyInstance,
  config: ServiceConfig['http'],
): Promise<{ url: string; port: number }> {
  await http.ready()
  try {
    await http.listen({ host: config.host, port: config.port })
  } catch (cause) {
    throw listenError(config, cause)
  }
  const address = http.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : config.port
  return { url: `http://${reachable(config.host)}:${port}`, port }
}

function listenError({ host, port, portVariable }: ServiceConfig['http'], cause: unknown): unknown {
  switch ((cause as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return new ListenError(
        `port ${port} of ${host} is taken by another process; free it, or set ${portVariable} to another port`,
        { cause },
      )
    case 'EACCES':
      return new ListenError(`port ${port} may not be opened by this user; set ${portVariable} to a port from 1024`, {
        cause,
      })
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new ListenError(
        `${host} is not an address of this machine; set HTTP_HOST to one, as 127.0.0.1 or 0.0.0.0`,
        { cause },
      )
    default:
      return cause
  }
}

/** An address to listen on is not always one to connect to. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}
