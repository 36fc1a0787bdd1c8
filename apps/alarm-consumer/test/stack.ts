import { contracts } from '@alarm-bus/contracts'
import { type Bus, createBus } from '@alarm-bus/nats-kit'
import { collectLogs, waitFor } from '@alarm-bus/nats-kit/testing'
import { type AppProcess, startApp } from '@alarm-bus/service/testing'

const MAIN = new URL('../src/main.ts', import.meta.url)

/** The app as a process of its own, on a free port. */
export function startConsumer(natsUrl: string, environment: Readonly<Record<string, string>> = {}): AppProcess {
  return startApp(MAIN, { NATS_SERVERS: natsUrl, STREAMS: 'apply', ALARM_CONSUMER_PORT: '0', ...environment })
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
