import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import { connect as connectKit, type Connection } from '@alarm-bus/nats-kit'
import { collectLogs, type NatsServer, startTestBroker } from '@alarm-bus/nats-kit/testing'
import { connect, type NatsConnection } from '@nats-io/transport-node'

export const repository = fileURLToPath(new URL('../../..', import.meta.url))
export const confPath = `${repository}nats.setup.conf`

/** The development values: what .env.example says is what the tests run on. */
export const devEnvironment = parseEnv(readFileSync(`${repository}.env.example`, 'utf8')) as Record<string, string>

export type User = 'producer' | 'alarm-consumer' | 'log-consumer' | 'admin' | 'sys'

export function authOf(user: User): { readonly user: User; readonly password: string } {
  return { user, password: devEnvironment[`NATS_${user.replaceAll('-', '_').toUpperCase()}_PASSWORD`] as string }
}

export interface TestBroker extends AsyncDisposable {
  readonly server: NatsServer
  /** A connection of the plain client, with the user's own inbox prefix; closed with the broker. */
  raw(user: User): Promise<NatsConnection>
  /** A connection of the kit. */
  kit(user: User): Promise<Connection>
}

/** The real broker on nats.setup.conf, on a free port unless one is given. `extra` is put at the end of the file. */
export async function startBroker(extra?: string, port = 0): Promise<TestBroker> {
  const conf =
    extra === undefined ? { config: confPath } : { configText: `${readFileSync(confPath, 'utf8')}\n${extra}` }
  const server = await startTestBroker({ ...conf, port, env: devEnvironment })
  const opened: (() => Promise<unknown>)[] = []
  return {
    server,
    async raw(user) {
      const { password } = authOf(user)
      const client = await connect({
        servers: server.url,
        name: user,
        user,
        pass: password,
        inboxPrefix: `_INBOX_${user}`,
      })
      opened.push(() => client.close())
      return client
    },
    async kit(user) {
      const connection = await connectKit(
        { servers: [server.url], name: user, auth: authOf(user) },
        { logger: collectLogs() },
      )
      opened.push(() => connection.close(1_000))
      return connection
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(opened.map((close) => close()))
      await server.stop()
    },
  }
}
