import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import { contracts } from '@alarm-bus/contracts'
import { connect, ensureStreams, type Logger } from '@alarm-bus/nats-kit'
import { type NatsServer, startNatsServer } from '@alarm-bus/nats-server'

/** Who logs in; nobody where the broker has no users. */
export interface Login {
  readonly user: string
  readonly password: string
}

export interface HttpBroker {
  readonly server: NatsServer
  /** What publishes logs in as the producer's user. */
  readonly login: Login | undefined
}

const REPOSITORY = new URL('../../../', import.meta.url)
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/**
 * A broker with the streams of the contracts: without users, or as it ships, with an account for each app. Its disk is
 * synced every two minutes in both, so that the accounts are all that differs.
 */
export async function startHttpBroker(accounts: boolean): Promise<HttpBroker> {
  if (!accounts) {
    const server = await startNatsServer({ jetstream: true })
    await applyStreams(server)
    return { server, login: undefined }
  }
  const env = parseEnv(readFileSync(new URL('.env.example', REPOSITORY), 'utf8')) as Record<string, string>
  const config = fileURLToPath(new URL('nats.setup.conf', REPOSITORY))
  const server = await startNatsServer({ jetstream: true, config, env })
  await applyStreams(server, { user: 'admin', password: env['NATS_ADMIN_PASSWORD'] ?? '' })
  return { server, login: { user: 'producer', password: env['NATS_PRODUCER_PASSWORD'] ?? '' } }
}

async function applyStreams({ url }: NatsServer, auth?: Login): Promise<void> {
  const connection = await connect({ servers: [url], name: 'admin', ...(auth && { auth }) }, { logger: silent })
  await ensureStreams(connection, contracts.streams, { mode: 'apply' })
  await connection.close(2_000)
}
