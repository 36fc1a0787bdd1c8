import { defineApp, defineChannel, defineContracts, defineStream, type StreamOptions } from '@alarm-bus/contracts'
import { nuid } from '@nats-io/transport-node'
import { z } from 'zod'
import { createBus, defineHandler, type KitError, type MessageContext } from '../../src/index.ts'
import { collectLogs } from '../../src/testing.ts'
import { onEnd } from '../harness.ts'

/** A channel that may be scheduled and one that may not, in a stream of the test's own. */
export function scheduledContracts(options: Partial<StreamOptions> = {}, key = nuid.next()) {
  const reminders = defineChannel({
    name: 'reminders',
    subject: `${key}.reminders`,
    description: 'reminds',
    schema: z.object({ text: z.string().min(1) }),
    compatibility: 'none',
  })
  const plain = defineChannel({
    name: 'plain',
    subject: `${key}.plain`,
    description: 'cannot be scheduled',
    schema: z.object({ text: z.string() }),
    compatibility: 'none',
  })
  const stream = defineStream({
    name: `S_${key}`,
    description: 'a test',
    channels: [reminders, plain],
    scheduled: [reminders],
    maxAgeMs: 3_600_000,
    maxMessages: 100_000,
    maxBytes: 64 * 1024 * 1024,
    ...options,
  })
  const contracts = defineContracts({ channels: [reminders, plain], streams: [stream] })
  const app = defineApp({
    name: 'reminding',
    owner: 'tests',
    description: 'schedules',
    publishes: [reminders, plain],
    schedules: [reminders],
  })
  return { key, reminders, plain, stream, contracts, app }
}

export type ScheduledContracts = ReturnType<typeof scheduledContracts>

export interface Delivered {
  readonly text: string
  readonly id: string | undefined
  readonly atMs: number
}

/** The app that schedules, ready. */
export async function startReminding(
  { contracts, app }: ScheduledContracts,
  url: string,
  { replicas }: { readonly replicas?: number | undefined } = {},
) {
  const logger = collectLogs()
  const bus = createBus({
    contracts,
    app,
    connection: { servers: url.split(','), name: app.name, reconnectDelayMs: 50, reconnectJitterMs: 20 },
    logger,
    streams: replicas === undefined ? {} : { replicas },
    publisher: {},
  })
  onEnd(() => bus.stop(5_000))
  await bus.start()
  return { bus, logger }
}

/** Another app, which notes what it handles. */
export async function startNoting({ contracts, reminders }: ScheduledContracts, url: string) {
  const delivered: Delivered[] = []
  const bus = createBus({
    contracts,
    connection: { servers: url.split(','), name: 'noting', reconnectDelayMs: 50, reconnectJitterMs: 20 },
    logger: collectLogs(),
    subscriber: {
      handlers: [
        defineHandler(reminders, ({ text }, context: MessageContext) => {
          delivered.push({ text, id: context.id, atMs: Date.now() })
        }),
      ],
    },
  })
  onEnd(() => bus.stop(5_000))
  await bus.start()
  return delivered
}

/** The code of a rejection. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'resolved',
    (error: KitError) => error.code,
  )
}
