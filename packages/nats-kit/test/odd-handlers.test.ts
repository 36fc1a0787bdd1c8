import { defineChannel, defineContracts, defineStream } from '@alarm-bus/contracts'
import { nuid } from '@nats-io/transport-node'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { createJetStreamPublisher, createSubscriber, defineHandler, ensureStreams } from '../src/index.ts'
import { deadLetterStreamName } from '../src/admin.ts'
import { waitFor } from '../src/testing.ts'
import { countMessages, manager, onEnd, open, openWithStreams, useBroker } from './harness.ts'

const broker = useBroker()

test('a handler whose thenable calls back twice settles its own message only', async () => {
  const { connection, ...made } = await openWithStreams(broker.current)
  const publisher = createJetStreamPublisher(connection, { contracts: made.contracts })
  const seen: string[] = []
  let callAgain = (): void => undefined
  let finish = (): void => undefined
  const twice = {} as Promise<void>
  Reflect.set(twice, 'then', (done: () => void) => {
    done()
    callAgain = done
  })
  const handler = defineHandler(made.toBot, ({ message }) => {
    seen.push(message)
    return message === 'odd' ? twice : new Promise((resolve) => (finish = resolve))
  })
  const subscriber = createSubscriber(connection, {
    contracts: made.contracts,
    app: 'app',
    handlers: [handler],
    concurrency: 1,
  })
  onEnd(() => subscriber.stop(5_000))
  subscriber.start()
  for (const message of ['odd', 'long']) await publisher.publish(made.toBot, { message })
  await waitFor(() => seen.length === 2)
  callAgain()
  const consumer = async () => (await manager(connection)).consumers.info(made.stream.name, 'app_to-bot')
  // Whatever a second callback would have sent reaches the broker before the answer to this.
  connection.frames.flush()
  await connection.client.flush()
  expect(await consumer()).toMatchObject({ num_ack_pending: 1, ack_floor: { stream_seq: 1 } })
  finish()
  await waitFor(async () => (await consumer()).ack_floor.stream_seq === 2)
})

test('a schema that throws costs neither the message nor the next one', async () => {
  const key = nuid.next()
  const channel = defineChannel({
    name: 'odd',
    subject: `${key}.odd`,
    description: 'its schema looks for a length that is not there',
    // What lets a refine() through.
    compatibility: 'none',
    schema: z.object({ message: z.string().nullable() }).refine(({ message }) => (message as string).length > 0),
  })
  const limits = { maxAgeMs: 3_600_000, maxMessages: 1_000, maxBytes: 1024 * 1024 }
  const stream = defineStream({ name: `S_${key}`, description: 'a test', channels: [channel], ...limits })
  const connection = await open(broker.current)
  await ensureStreams(connection, [stream], { mode: 'apply' })
  const seen: unknown[] = []
  const subscriber = createSubscriber(connection, {
    contracts: defineContracts({ channels: [channel], streams: [stream] }),
    app: 'app',
    handlers: [defineHandler(channel, (message) => void seen.push(message), { maxDeliver: 1 })],
  })
  onEnd(() => subscriber.stop(5_000))
  subscriber.start()
  await waitFor(() => subscriber.checks().every((check) => check.ok))
  for (const message of [null, 'fine']) connection.client.publish(channel.subject, JSON.stringify({ message }))
  await waitFor(async () => (await countMessages(connection, deadLetterStreamName(stream.name))) === 1)
  await waitFor(() => seen.length === 1)
  expect(seen).toEqual([{ message: 'fine' }])
})
