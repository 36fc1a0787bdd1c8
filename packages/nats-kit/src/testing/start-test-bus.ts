import type { NatsServer } from '@alarm-bus/nats-server'
import type { Bus, BusOptions } from '../lifecycle/bus.ts'
import { createBus } from '../lifecycle/create-bus.ts'
import { collectLogs, type LogLine } from './collect-logs.ts'
import { startTestBroker } from './start-test-broker.ts'

export interface TestBusOptions extends Pick<BusOptions, 'contracts'> {
  /** The app's name. Default `test-app`. */
  readonly app?: string
  /** Given: the bus subscribes. */
  readonly subscriber?: NonNullable<BusOptions['subscriber']>
  /** The requests that the bus answers. */
  readonly responders?: NonNullable<BusOptions['responders']>
  /** The channels whose messages at most once the bus hears. */
  readonly listeners?: NonNullable<BusOptions['listeners']>
  /** A broker that is there already, which stays. Default: one of its own, which ends with the bus. */
  readonly broker?: Pick<NatsServer, 'url'>
}

/** A bus on a real broker. The caller stops it: `await using`, or `stop()`. */
export interface TestBus extends Bus, AsyncDisposable {
  /** Where the broker listens: `nats://127.0.0.1:41234`. */
  readonly url: string
  readonly logs: readonly LogLine[]
}

/** What a test gives its bus to stop, in milliseconds. */
const STOP_MS = 5_000
/** What it gives it to be ready, in milliseconds. */
const READY_MS = 10_000

/**
 * A broker and a bus that publishes, asks and, with `subscriber` or `responders`, handles or answers; streams and consumers are there when it resolves.
 *
 * @throws KitError `invalid_options`; `not_ready` when it is not within 10 s, saying what is not well.
 */
export async function startTestBus(options: TestBusOptions): Promise<TestBus> {
  const own = options.broker ? undefined : await startTestBroker()
  const url = (options.broker ?? own)?.url ?? ''
  const logs = collectLogs()
  let bus: Bus | undefined
  const stop = async (timeoutMs: number): ReturnType<Bus['stop']> => {
    const report = (await bus?.stop(timeoutMs)) ?? { clean: true, abandoned: [] }
    await own?.stop()
    return report
  }
  try {
    const started = createBus({
      contracts: options.contracts,
      connection: { name: options.app ?? 'test-app', servers: [url] },
      logger: logs,
      publisher: {},
      requester: {},
      ...(options.listeners && { listeners: options.listeners }),
      ...(options.responders && { responders: options.responders }),
      ...(options.subscriber && { subscriber: options.subscriber }),
    })
    bus = started
    void started.start()
    await started.ready({ timeoutMs: READY_MS })
    return { ...started, stop, url, logs: logs.lines, [Symbol.asyncDispose]: async () => void (await stop(STOP_MS)) }
  } catch (error) {
    await stop(STOP_MS)
    throw error
  }
}
