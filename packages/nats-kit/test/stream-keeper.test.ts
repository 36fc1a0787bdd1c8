import { StorageType } from '@nats-io/jetstream'
import { expect, test } from 'vitest'
import { createJetStreamPublisher } from '../src/index.ts'
import { StreamKeeper } from '../src/lifecycle/stream-keeper.ts'
import { waitFor } from '../src/testing.ts'
import { makeContracts, manager, onEnd, open, startBroker } from './harness.ts'

/** No test waits for a look that is due by itself: each is caused. */
const NEVER = { everyMs: 86_400_000, retryMs: 20, maxRetryMs: 20 }

/** A keeper and how often it looked, as the broker saw it. */
async function setUp() {
  const server = await startBroker()
  const made = makeContracts()
  const [admin, connection] = [await open(server), await open(server)]
  let looked = 0
  admin.client.subscribe(`$JS.API.STREAM.INFO.${made.stream.name}`, { callback: () => void looked++ })
  await admin.client.flush()
  const keeper = new StreamKeeper(connection, [made.stream], { mode: 'apply' }, NEVER)
  onEnd(() => keeper.stop())
  keeper.start()
  // The look that creates the streams, and one more, since it changed something.
  await waitFor(() => looked === 2, { what: 'two looks' })
  await waitFor(() => keeper.check().ok)
  const { streams } = await manager(admin)
  return { ...made, server, connection, keeper, streams, looked: () => looked }
}

test('all is well: it looks again only when asked, and once however often', async () => {
  const { keeper, looked } = await setUp()
  for (let n = 0; n < 1_000; n++) keeper.lookNow()
  await waitFor(() => looked() >= 3, { what: 'the look that was asked for' })
  for (let n = 0; n < 1_000; n++) keeper.lookNow()
  await waitFor(() => looked() >= 4, { what: 'the next one' })
  expect(looked()).toBe(4)
})

test('it looks when it is connected again', async () => {
  const { connection, looked } = await setUp()
  await connection.client.reconnect()
  await waitFor(() => looked() === 3, { what: 'the look after the reconnect' })
})

test('a publish that no stream answers makes it look: the stream is made again and the message is stored', async () => {
  const { connection, contracts, toBot, stream, streams } = await setUp()
  const publisher = createJetStreamPublisher(connection, { contracts })
  onEnd(() => publisher.close())
  await streams.delete(stream.name)
  expect(await publisher.publish(toBot, { message: 'x' })).toMatchObject({ stream: stream.name, seq: 1 })
})

test('a consumer that is gone makes it look', async () => {
  const { connection, stream, streams } = await setUp()
  await streams.delete(stream.name)
  connection.events.emit('consumerStateChanged', { stream: stream.name, consumer: 'app', state: 'recovering' })
  await waitFor(async () => (await streams.info(stream.name)).config.name === stream.name)
})

test('trouble is looked at again by itself until it is over', async () => {
  const { keeper, connection, stream, streams } = await setUp()
  await streams.delete(`${stream.name}_DLQ`)
  const inMemory = { storage: StorageType.Memory, subjects: [`dead-letter.${stream.name}.>`] }
  await streams.add({ name: `${stream.name}_DLQ`, ...inMemory })
  keeper.lookNow()
  await waitFor(() => !keeper.check().ok)
  expect(keeper.check().detail).toContain('storage: "memory" → "file"')
  await streams.delete(`${stream.name}_DLQ`)
  await waitFor(() => keeper.check().ok)
  const events = connection.logs.lines.map(({ fields }) => fields['event'])
  expect(events.filter((event) => event === 'streamsNotReady')).toHaveLength(1)
})

test('a stream that is migrated is no trouble for a while, nor is the moment in which it is not there', async () => {
  const { keeper, connection, streams, stream } = await setUp()
  const { metadata = {}, subjects } = (await streams.info(stream.name)).config
  await streams.update(stream.name, {
    subjects: [`migrating.${stream.name}`],
    metadata: { ...metadata, 'alarm-bus.migrating': `${stream.name}_MIGRATION` },
  })
  const seen: boolean[] = []
  const watching = setInterval(() => seen.push(keeper.check().ok), 5)
  onEnd(async () => clearInterval(watching))
  keeper.lookNow()
  await waitFor(() => keeper.check().detail.includes('is being migrated'))
  await streams.add({ name: `${stream.name}_MIGRATION`, subjects: [`migrating.${stream.name}_MIGRATION`] })
  await streams.delete(stream.name)
  await waitFor(() => keeper.check().detail.includes('so it is not created'))
  await streams.delete(`${stream.name}_MIGRATION`)
  await waitFor(() => keeper.check().detail === 'as declared')
  expect((await streams.info(stream.name)).config.subjects).toEqual(subjects)
  expect(seen).not.toContain(false)
  expect(connection.logs.lines.filter(({ fields }) => fields['event'] === 'streamMigrating')).toHaveLength(1)
})
