import { createServer } from 'node:net'

/** Below the ports that systems hand out to connections, so that a port stays free while its broker is down. */
const FIRST_PORT = 15_000
const LAST_PORT = 31_000
const TRIES = 200

/** A port that nobody listens on. It is only likely to stay free: who binds it must bear to be told otherwise. */
export async function freePort(): Promise<number> {
  for (let i = 0; i < TRIES; i++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT))
    if (await isFree(port)) return port
  }
  throw new Error(`no free port between ${FIRST_PORT} and ${LAST_PORT} in ${TRIES} tries`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
