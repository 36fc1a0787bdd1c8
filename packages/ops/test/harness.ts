import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import { connect as connectKit, type Connection } from '@alarm-bus/nats-kit'
import { collectLogs, type NatsServer, startTestBroker } from '@alarm-bus/nats-kit/testing'
import { declaredConsumers } from '@alarm-bus/nats-kit/admin'
import type { JetStreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { type Consuming, contracts } from '@alarm-bus/contracts'
import { readApps } from '../src/apps/read-apps.ts'
import { applyStreams } from '../src/index.ts'
import type { BrokerFiles } from '../src/permissions/render-accounts.ts'
import { passwordVariable } from '../src/permissions/user-variables.ts'

export const repository = fileURLToPath(new URL('../../..', import.meta.url))
export const confPath = `${repository}nats.setup.conf`

/** nats.setup.conf with what it includes in place, so that it can stand anywhere; `files` for the generated ones. */
export function wholeConf(files?: BrokerFiles): string {
  const read = (file: string): string =>
    files && file in files ? files[file as keyof BrokerFiles] : readFileSync(`${repository}${file}`, 'utf8')
  const put = (text: string): string => text.replaceAll(/^ *include "([^"]+)"$/gm, (_, file: string) => put(read(file)))
  return put(read('nats.setup.conf'))
}

/** All users in the bus's account. */
export function oneAccount(users: string): BrokerFiles {
  return { 'nats.permissions.conf': users, 'nats.accounts.conf': '' }
}

/** The development values: what .env.example says is what the tests run on. */
export const devEnvironment = parseEnv(readFileSync(`${repository}.env.example`, 'utf8')) as Record<string, string>

/** An app's name, `admin` or `sys`. */
export type User = string

export function authOf(user: User, environment = devEnvironment): { readonly user: User; readonly password: string } {
  return { user, password: environment[passwordVariable(user)] as string }
}

export interface TestBroker extends AsyncDisposable {
  readonly server: NatsServer
  /** Where clients find it. */
  readonly servers: readonly string[]
  /** A connection of the plain client, with the user's own inbox prefix; closed with the broker. */
  raw(user: User): Promise<NatsConnection>
  /** A connection of the kit. */
  kit(user: User): Promise<Connection>
}

/** The consumers that the apps declare, where the streams are not as they are declared. */
export async function makeConsumers({ consumers }: JetStreamManager, only?: readonly string[]): Promise<void> {
  const apps = (await readApps()).filter(({ name }) => only?.includes(name) ?? true)
  for (const { stream, wanted, made } of apps.flatMap((app) => declaredConsumers(app, contracts)))
    if (wanted !== 'no') await consumers.add(stream, made.pull)
}

/** Streams and consumers as they are declared. */
export async function applyDeclared(
  { server }: { readonly server: Pick<NatsServer, 'url'> },
  deployed: Consuming = {},
  /** The apps whose consumers are made. Default all. */
  only?: readonly string[],
): Promise<void> {
  const apps = (await readApps()).filter(({ name }) => only?.includes(name) ?? true)
  await applyStreams({
    servers: [server.url],
    auth: authOf('admin'),
    streams: contracts.streams,
    consumers: { apps, contracts, deployed },
  })
}

export interface TestBrokerOptions {
  /** Put at the end of nats.setup.conf. */
  readonly extra?: string
  /** In place of those that are generated. */
  readonly files?: BrokerFiles
  /** Default a free one. */
  readonly port?: number
  /** Beside the development values. */
  readonly env?: Readonly<Record<string, string>>
}

/** The real broker on nats.setup.conf. */
export async function startBroker({ extra, files, port = 0, env = {} }: TestBrokerOptions = {}): Promise<TestBroker> {
  const isPlain = extra === undefined && files === undefined
  const conf = isPlain ? { config: confPath } : { configText: `${wholeConf(files)}\n${extra ?? ''}` }
  const environment = { ...devEnvironment, ...env }
  const server = await startTestBroker({ ...conf, port, env: environment })
  const opened: (() => Promise<unknown>)[] = []
  return {
    server,
    servers: [server.url],
    async raw(user) {
      const { password } = authOf(user, environment)
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
        { servers: [server.url], name: user, auth: authOf(user, environment) },
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
