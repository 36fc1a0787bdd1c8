import { contracts } from '@alarm-bus/contracts'
import { type Bus, createBus } from '@alarm-bus/nats-kit'
import { collectLogs, waitFor } from '@alarm-bus/nats-kit/testing'
import { type AppProcess, startApp } from '@alarm-bus/service/testing'

const MAIN = new URL('../src/main.ts', import.meta.url)

/** The app as a process of its own, on a free port, with a database that ends with it unless one is given. */
export function startConsumer(natsUrl: string, environment: Readonly<Record<string, string>> = {}): AppProcess {
  const storage = environment['DATABASE_URL'] === undefined ? { LOG_SQLITE_PATH: ':memory:' } : {}
  return startApp(MAIN, { NATS_SERVERS: natsUrl, STREAMS: 'apply', LOG_CONSUMER_PORT: '0', ...storage, ...environment })
}

/** A bus that publishes, ready to do so. Whoever starts it stops it. */
export async function startPublishing(natsUrl: string): Promise<Bus> {
  const bus = createBus({
    contracts,
    connection: { name: 'test-publisher', servers: [natsUrl] },
    logger: collectLogs(),
    publisher: {},
  })
  void bus.start()
  await waitFor(() => bus.health().ready, { what: 'the publisher is ready' })
  return bus
}
