import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type NatsServer, startTestBroker, type StartNatsServerOptions } from '../../../src/testing.ts'
import { freePort } from './free-port.ts'

/** A broker that can be killed and come back: same address, same store. */
export interface KillableBroker {
  readonly url: string
  readonly port: number
  /** The process of now; after `kill()` the one that ended. */
  readonly current: NatsServer
  kill(): Promise<void>
  /** Starts it again after `kill()`. */
  restart(): Promise<void>
  /** Ends it and deletes its store. */
  stop(): Promise<void>
}

/** Starts at most this often: another process may take the port first. */
const STARTS = 3

export async function startKillableBroker(options: StartNatsServerOptions = {}): Promise<KillableBroker> {
  const storeDir = options.storeDir ?? (await mkdtemp(join(tmpdir(), 'kit-faults-store-')))
  let current: NatsServer | undefined
  for (let start = 1; current === undefined; start++) {
    const port = options.port ?? (await freePort())
    current = await startTestBroker({ ...options, port, storeDir }).catch((error: unknown) => {
      if (start === STARTS || options.port !== undefined) throw error
      return undefined
    })
  }
  let server = current
  const { url, port } = server
  return {
    url,
    port,
    get current() {
      return server
    },
    kill: () => server.kill(),
    async restart() {
      server = await startTestBroker({ ...options, port, storeDir })
    },
    async stop() {
      await server.stop()
      if (options.storeDir === undefined) rmSync(storeDir, { recursive: true, force: true })
    },
  }
}
