import { setTimeout as sleep } from 'node:timers/promises'
import { type Channel, contracts } from '@alarm-bus/contracts'
import {
  type Bus,
  type ConnectionTls,
  createBus,
  defineHandler,
  RetryLater,
  type SubscriberOptions,
} from '@alarm-bus/nats-kit'
import { collectLogs, waitFor } from '@alarm-bus/nats-kit/testing'
import { authOf, type TestBroker, type User } from './harness.ts'

/** A message by the stream's sequence and its text; each is published once. */
export type Seen = `${number} ${string}`

/** One broker or several that store together. */
type Brokers = Pick<TestBroker, 'servers'> & { readonly tls?: ConnectionTls }

/** Publishes one message after the other until it is told to stop. */
export function startPublisher(brokers: Brokers, channel: Channel) {
  const bus = busOf(brokers, 'producer', { publisher: {} })
  const stored: Seen[] = []
  let stopped = false
  const running = (async () => {
    await waitFor(() => bus.health().checks.some(({ name, ok }) => name === 'connection' && ok))
    for (let n = 0; !stopped; n++) {
      const message = `alarm ${n}`
      const { seq } = await bus.publisher.publish(channel, { message })
      stored.push(`${seq} ${message}`)
      await sleep(2)
    }
  })()
  return {
    stored,
    async stop() {
      stopped = true
      await running
      await bus.stop(5_000)
    },
  }
}

/** Handles what comes; every seventh message at its second delivery, every fifth after a while. */
export function startConsumer(
  brokers: Brokers,
  app: User,
  channels: readonly Channel[],
  options: Partial<SubscriberOptions> = {},
) {
  const handled: Seen[] = []
  const handlers = channels.map((channel) =>
    defineHandler(channel, async (body, { seq, deliveryCount }) => {
      const { message } = body as { readonly message: string }
      if (seq % 7 === 0 && deliveryCount === 1) throw new RetryLater(150)
      if (seq % 5 === 0) await sleep(20)
      handled.push(`${seq} ${message}`)
    }),
  )
  const logs = collectLogs()
  const bus = busOf(brokers, app, { subscriber: { ...options, handlers } }, logs)
  return { handled, bus, logs, stop: () => bus.stop(5_000) }
}

type Part = Pick<Parameters<typeof createBus>[0], 'publisher'> & {
  readonly subscriber?: Parameters<typeof createBus>[0]['subscriber']
}

function busOf({ servers, tls }: Brokers, name: User, part: Part, logger = collectLogs()): Bus {
  const bus = createBus({
    contracts,
    logger,
    connection: { servers, name, auth: authOf(name), ...(tls && { tls }) },
    streams: { mode: 'verify' },
    ...(part as object),
  } as Parameters<typeof createBus>[0])
  void bus.start()
  return bus
}

/** What is in `many` more than once. */
export function repeated(many: readonly Seen[]): readonly Seen[] {
  return many.filter((one, index) => many.indexOf(one) !== index)
}
