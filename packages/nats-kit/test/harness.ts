import { createServer } from 'node:net'
import { defineChannel, defineContracts, defineStream, type StreamOptions } from '@alarm-bus/contracts'
import { jetstreamManager } from '@nats-io/jetstream'
import { nuid } from '@nats-io/transport-node'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { z } from 'zod'
import { connect, type Connection, type ConnectionOptions, ensureStreams, type Logger } from '../src/index.ts'
import { collectLogs, type NatsServer, startTestBroker, type StartNatsServerOptions } from '../src/testing.ts'

/** Channels and a stream of a test's own, so that tests of one broker do not meet. */
export function makeContracts(options: Partial<StreamOptions> = {}) {
  const key = nuid.next()
  const toBot = defineChannel({
    name: 'to-bot',
    subject: `${key}.to.bot`,
    description: 'for the bot',
    schema: z.object({ message: z.string().min(1).max(200) }),
  })
  const toLog = defineChannel({
    name: 'to-log',
    subject: `${key}.to.log`,
    description: 'for the log',
    schema: z.object({
      message: z.string(),
      extra: z.string().optional(),
      at: z.object({ line: z.number() }).optional(),
    }),
  })
  const stream = defineStream({
    name: `S_${key}`,
    description: 'a test',
    channels: [toBot, toLog],
    maxAgeMs: 3_600_000,
    maxMessages: 100_000,
    maxBytes: 64 * 1024 * 1024,
    ...options,
  })
  return { toBot, toLog, stream, contracts: defineContracts({ channels: [toBot, toLog], streams: [stream] }) }
}

export type TestContracts = ReturnType<typeof makeContracts>

/** Closes what a test opened, in reverse order, when the test ends. */
const cleanUps: (() => Promise<unknown>)[] = []

export function onEnd(close: () => Promise<unknown>): void {
  cleanUps.push(close)
}

afterEach(async () => {
  for (const close of cleanUps.splice(0).reverse()) await close()
})

/** One broker for the file. */
export function useBroker(options: StartNatsServerOptions = {}): { readonly current: NatsServer } {
  let broker: NatsServer | undefined
  beforeAll(async () => {
    broker = await startTestBroker(options)
  })
  afterAll(() => broker?.stop())
  return {
    get current() {
      if (!broker) throw new Error('the broker is not started')
      return broker
    },
  }
}

/** A port that nobody listens on, for now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** A broker of the test's own, stopped when the test ends. */
export async function startBroker(options: StartNatsServerOptions = {}): Promise<NatsServer> {
  const started = await startTestBroker(options)
  onEnd(() => started.stop())
  return started
}

export interface TestConnection extends Connection {
  readonly logs: ReturnType<typeof collectLogs>
}

/** A connection that the test's end closes. Quick to reconnect, so that tests are. */
export async function open(
  server: { readonly url: string },
  options: Partial<ConnectionOptions> = {},
  logger?: Logger,
): Promise<TestConnection> {
  const logs = collectLogs()
  const connection = await connect(
    {
      servers: [server.url],
      name: 'test',
      reconnectDelayMs: 50,
      reconnectJitterMs: 20,
      inboxPrefix: `_INBOX_${nuid.next()}`,
      ...options,
    },
    { logger: logger ?? logs },
  )
  onEnd(() => connection.close(2_000))
  return Object.defineProperty(connection, 'logs', { value: logs }) as TestConnection
}

/** A connection and contracts whose streams exist. */
export async function openWithStreams(
  server: { readonly url: string },
  streamOptions: Partial<StreamOptions> = {},
): Promise<TestContracts & { readonly connection: TestConnection }> {
  const made = makeContracts(streamOptions)
  const connection = await open(server)
  await ensureStreams(connection, [made.stream], { mode: 'apply' })
  return { ...made, connection }
}

export function manager(connection: Connection) {
  return jetstreamManager(connection.client, { checkAPI: false })
}

export async function countMessages(connection: Connection, stream: string): Promise<number> {
  return (await (await manager(connection)).streams.info(stream)).state.messages
}
