import { defineChannel, defineContracts, defineStream, defineVersion } from '@alarm-bus/contracts'
import { nuid } from '@nats-io/transport-node'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { createJetStreamPublisher, createSubscriber, ensureStreams, handleVersions } from '../../src/index.ts'
import { deadLetterStreamName, redriveDeadLetters } from '../../src/admin.ts'
import { waitFor } from '../../src/testing.ts'
import { countMessages, manager, onEnd, open, useBroker } from '../harness.ts'

const broker = useBroker()

async function setUp(upcast: (message: { count: string }) => { count: number }) {
  const key = nuid.next()
  const connection = await open(broker.current)
  const first = defineChannel({
    name: 'tally',
    subject: `${key}.tally`,
    description: 'x',
    schema: z.object({ count: z.string() }),
  })
  const second = defineVersion(first, {
    version: 2,
    subject: `${key}.tally.v2`,
    schema: z.object({ count: z.int().min(0) }),
    upcast,
  })
  const channels = [first, second]
  const stream = defineStream({
    name: `T_${key}`,
    description: 'x',
    channels,
    maxAgeMs: 3_600_000,
    maxMessages: 1_000,
    maxBytes: 1_000_000,
  })
  const contracts = defineContracts({ channels, streams: [stream] })
  await ensureStreams(connection, [stream], { mode: 'apply' })
  const publisher = createJetStreamPublisher(connection, { contracts })
  onEnd(() => publisher.close())
  const seen: [string, number][] = []
  const subscriber = createSubscriber(connection, {
    contracts,
    app: 'app',
    handlers: [
      ...handleVersions(second, ({ count }, { channel }) => void seen.push([channel, count]), { maxDeliver: 2 }),
    ],
  })
  onEnd(() => subscriber.stop(2_000))
  subscriber.start()
  const letters = deadLetterStreamName(stream.name)
  const letter = async () => {
    await waitFor(async () => (await countMessages(connection, letters)) > 0, { what: 'a dead letter' })
    const stored = await (await manager(connection)).streams.getMessage(letters, { last_by_subj: '>' })
    const header = (name: string) => stored?.header.get(name)
    return { reason: header('Dead-Letter-Reason'), error: header('Dead-Letter-Error'), body: stored?.json(), header }
  }
  return { first, second, publisher, seen, letter, connection, stream }
}

test('a handler of two versions sees the newest shape, and can tell what came', async () => {
  const { first, second, publisher, seen } = await setUp(({ count }) => ({ count: Number(count) }))
  await publisher.publish(first, { count: '1' })
  await publisher.publish(second, { count: 2 })
  await waitFor(() => seen.length === 2)
  expect(seen.toSorted()).toEqual([
    ['tally', 1],
    ['tally-v2', 2],
  ])
})

test('a message whose upcast makes a wrong shape is a dead letter at once, with what is wrong and where', async () => {
  const { first, publisher, seen, letter } = await setUp(({ count }) => ({ count: Number(count) }))
  await publisher.publish(first, { count: '-1' })
  const { reason, error, body, header } = await letter()
  expect(reason).toBe('upcast_failed')
  expect(error).toContain('a message of tally cannot be brought to tally-v2: /count: ')
  expect(JSON.parse(String(header('Dead-Letter-Issues')))).toMatchObject([{ path: '/count' }])
  expect(header('Dead-Letter-Deliveries')).toBe('1')
  expect(body).toEqual({ count: '-1' })
  expect(seen).toEqual([])
})

test('a message whose upcast throws is kept too, the next one is handled, and a mended upcast gets it by a redrive', async () => {
  let mended = false
  const upcast = ({ count }: { count: string }) => {
    if (count === 'two' && !mended) throw new Error('no figure')
    return { count: count === 'two' ? 2 : Number(count) }
  }
  const { first, publisher, seen, letter, connection, stream } = await setUp(upcast)
  await publisher.publish(first, { count: 'two' })
  await publisher.publish(first, { count: '3' })
  await waitFor(() => seen.length === 1)
  expect(await letter()).toMatchObject({
    reason: 'upcast_failed',
    error: 'a message of tally cannot be brought to tally-v2: the upcast to tally-v2 threw: no figure',
  })
  mended = true
  await redriveDeadLetters(connection, stream.name, {}, { dryRun: false })
  await waitFor(() => seen.length === 2)
  expect(seen).toEqual([
    ['tally', 3],
    ['tally', 2],
  ])
})
