import { createWriteStream, mkdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type NatsServer, NatsServerError, startNatsServer } from '@alarm-bus/nats-server'
import { openPrivate } from '../private-file.ts'
import { devDir, repositoryRoot } from './dev-env.ts'
import { say } from './say.ts'

const DEFAULT_PORT = 4222
const DEFAULT_MONITOR_PORT = 8222
/** The broker's marks of warnings, errors and the end. That passwords are plain is meant so in development. */
const NOTABLE = /\[(WRN|ERR|FTL)\](?! Plaintext passwords detected)/

/** The broker cannot start, and the message says what to do about it. */
export class BrokerStartError extends Error {
  override readonly name = 'BrokerStartError'
}

/**
 * Starts the broker of this checkout on `nats.setup.conf`. Its messages stay in `.dev/nats` from one `dev` to the next.
 *
 * @throws BrokerStartError for a port that is taken or no number; NatsServerError for the rest.
 */
export async function startOwnBroker(port = brokerPort()): Promise<NatsServer> {
  const monitorPort = portFrom('NATS_MONITOR_PORT', DEFAULT_MONITOR_PORT)
  const log = openLog()
  try {
    return await startNatsServer({
      config: join(repositoryRoot, 'nats.setup.conf'),
      port,
      monitorPort,
      storeDir: join(devDir(), 'nats'),
      // It has to outlive the apps by a moment, so that they can hand in their last acks.
      detached: true,
      onProgress: say,
      onLog: (line) => {
        log.write(`${line}\n`)
        if (NOTABLE.test(line)) say(line)
      },
    })
  } catch (error) {
    if (!(error instanceof NatsServerError) || error.code !== 'port_taken') throw error
    throw new BrokerStartError(await takenPorts({ NATS_PORT: port, NATS_MONITOR_PORT: monitorPort }), { cause: error })
  }
}

/** @throws BrokerStartError when NATS_PORT is no port. */
export function brokerPort(): number {
  return portFrom('NATS_PORT', DEFAULT_PORT)
}

function openLog(): NodeJS.WritableStream {
  // The messages of the bus lie in there as well.
  mkdirSync(devDir(), { recursive: true, mode: 0o700 })
  const path = join(devDir(), 'nats-server.log')
  return createWriteStream(path, { fd: openPrivate(path) })
}

function portFrom(variable: string, byDefault: number): number {
  const text = process.env[variable]
  if (!text) return byDefault
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text)
  throw new BrokerStartError(
    `${variable} is ${JSON.stringify(text)}, which is not a port; expected a number from 0 to 65535`,
  )
}

async function takenPorts(ports: Readonly<Record<string, number>>): Promise<string> {
  const lines: string[] = []
  for (const [variable, port] of Object.entries(ports)) {
    if (await isTaken(port))
      lines.push(`port ${port} is taken by another process; set ${variable} to another port, or free it`)
  }
  if (lines.length === 0) lines.push('a port of the broker was taken a moment ago; try again')
  return [...lines, 'A broker that runs already can be used as it is: set NATS_SERVERS=nats://host:port'].join('\n')
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(true))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(false)))
  })
}
