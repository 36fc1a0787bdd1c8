import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import { type App, contracts } from '@alarm-bus/contracts'
import { type Bus, connect, type Connection, createBus, ensureStreams, type MessageHandler } from '@alarm-bus/nats-kit'
import { declaredConsumers } from '@alarm-bus/nats-kit/admin'
import { collectLogs, type NatsServer, startTestBroker, waitFor } from '@alarm-bus/nats-kit/testing'
import { createLogger } from '@alarm-bus/service'
import { createConsole } from '../../src/app.ts'
import { readConsoleConfig } from '../../src/config.ts'
import { readDeclaredApps } from '../../src/look/declared-apps.ts'

const repository = new URL('../../../../', import.meta.url)
const environment = parseEnv(readFileSync(new URL('.env.example', repository), 'utf8')) as Record<string, string>
const passwordOf = (user: string): string =>
  environment[`NATS_${user.toUpperCase().replaceAll('-', '_')}_PASSWORD`] as string

/** The broker on nats.setup.conf with its users, streams and consumers as they are declared. */
export interface Stack extends AsyncDisposable {
  readonly broker: NatsServer
  /** Kills the broker, and starts it again on what it had stored when the returned function is called. */
  killBroker(): Promise<() => Promise<void>>
  as(user: string): Promise<Connection>
  /** An app under its own user with these handlers; it ends with the stack. */
  handle(name: string, handlers: readonly MessageHandler[]): Promise<Bus>
  /** The console; it ends with the stack. */
  console(settings?: Readonly<Record<string, string>>): Promise<Console>
}

export interface Console {
  readonly url: string
}

export async function startStack(): Promise<Stack> {
  const configured = { config: fileURLToPath(new URL('nats.setup.conf', repository)), env: environment }
  let broker = await startTestBroker(configured)
  const ends: (() => Promise<unknown>)[] = []
  const as = async (user: string): Promise<Connection> => {
    const auth = { user, password: passwordOf(user) }
    const connection = await connect({ servers: [broker.url], name: user, auth }, { logger: collectLogs() })
    ends.push(() => connection.close(1_000))
    return connection
  }
  const admin = await as('admin')
  await ensureStreams(admin, contracts.streams, { mode: 'apply', watched: true })
  for (const app of readDeclaredApps()) await makeConsumers(admin, app)
  return {
    get broker() {
      return broker
    },
    async killBroker() {
      const { port, storeDir } = broker
      await broker.kill()
      return async () => {
        broker = await startTestBroker({ ...configured, port, storeDir })
      }
    },
    as,
    async handle(name, handlers) {
      const bus = createBus({
        contracts,
        logger: collectLogs(),
        connection: { servers: [broker.url], name, auth: { user: name, password: passwordOf(name) } },
        streams: { mode: 'verify' },
        subscriber: { handlers: [...handlers] },
      })
      ends.push(() => bus.stop(2_000))
      void bus.start()
      await bus.ready()
      return bus
    },
    async console(settings = {}) {
      const config = readConsoleConfig({
        NODE_ENV: 'test',
        CONSOLE_PORT: '0',
        NATS_SERVERS: broker.url,
        NATS_CONSOLE_PASSWORD: passwordOf('console'),
        ...settings,
      })
      const { http, bus } = await createConsole(config, createLogger({ ...config, logLevel: 'fatal' }))
      const url = await http.listen({ host: '127.0.0.1', port: 0 })
      ends.push(async () => {
        await http.close()
        await bus.stop(2_000)
      })
      void bus.start()
      await waitFor(() => bus.health().ready, { what: 'the console is ready', deadlineMs: 30_000 })
      return { url }
    },
    async [Symbol.asyncDispose]() {
      for (const end of ends.toReversed()) await end()
      await broker.stop()
    },
  }
}

/** As `pnpm ops apply` does. */
async function makeConsumers({ client }: Connection, app: App): Promise<void> {
  for (const { stream, wanted, made } of declaredConsumers(app, contracts)) {
    if (wanted === 'no') continue
    const config = made.pull
    const subject = `$JS.API.CONSUMER.CREATE.${stream}.${config.name}.${config.filter_subject}`
    const answer = await client.request(subject, JSON.stringify({ stream_name: stream, config }), { timeout: 5_000 })
    if ('error' in answer.json<object>()) throw new Error(answer.string())
  }
}
