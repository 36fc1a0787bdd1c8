import { StorageType } from '@nats-io/jetstream'
import { expect, test } from 'vitest'
import { createSubscriber, defineHandler, ensureStreams, KitErrorCode } from '../../src/index.ts'
import { waitFor } from '../../src/testing.ts'
import { onEnd, useBroker } from '../harness.ts'
import { judge } from './support/judge.ts'
import { drained, managerOf, setScene, stored, subscribe } from './support/scene.ts'
import { attempt } from './support/writers.ts'

const broker = useBroker()
const MESSAGES = 20

test('a stream that conflicts with its declaration: refused by name, and left with all that it holds', async () => {
  // A file is enough where memory is declared; memory where a file is declared is not.
  const scene = await setScene({ servers: [broker.current.url], onEnd, stream: { storage: 'memory' } })
  const { journal, connection, stream } = scene
  for (let i = 0; i < MESSAGES; i++) expect(await attempt(`m-${i}`, scene.publish, journal)).toBeUndefined()
  await expect(ensureStreams(connection, [{ ...stream, storage: 'file' }], { mode: 'apply' })).rejects.toMatchObject({
    code: KitErrorCode.StreamImmutable,
    message: expect.stringMatching(new RegExp(`${stream.name}.*storage: "memory" → "file"`)),
  })
  const { config } = await (await managerOf(connection)).streams.info(stream.name)
  expect(config.storage).toBe(StorageType.Memory)
  expect(await stored(scene, connection)).toBe(MESSAGES)
  const consuming = await scene.open({ name: 'app' })
  await subscribe(scene, consuming, { onEnd })
  await drained(scene, consuming)
  expect(judge('stream in conflict', journal)).toMatchObject({ handled: MESSAGES, twice: 0 })
})

test('a consumer that conflicts with its declaration: not ready, takes nothing, goes on when resolved', async () => {
  const scene = await setScene({ servers: [broker.current.url], onEnd })
  const { journal, connection, stream, channel, contracts } = scene
  const manager = await managerOf(connection)
  const consuming = await scene.open({ name: 'app' })
  const half = await subscribe(scene, consuming, { onEnd, mode: 'pull' })
  expect(await attempt('before', scene.publish, journal)).toBeUndefined()
  await drained(scene, consuming)
  await half.stop(5_000)
  for (let i = 0; i < MESSAGES; i++) expect(await attempt(`m-${i}`, scene.publish, journal)).toBeUndefined()

  // The same app, now as a push consumer, which the server cannot make of a pull consumer.
  const pushing = await scene.open({ name: 'app' })
  const subscriber = createSubscriber(pushing, {
    contracts,
    app: 'app',
    mode: 'push',
    handlers: [defineHandler(channel, ({ id }) => journal.handled(id))],
  })
  subscriber.start()
  onEnd(() => subscriber.stop(5_000))
  const check = () => subscriber.checks().find(({ name }) => name === `consumer:app_${channel.name}`)
  await waitFor(() => check()?.detail.includes('cannot turn from pull to push'))
  expect(check()).toMatchObject({ ok: false, detail: expect.stringContaining('deliver_subject') })
  expect(journal.count('handled.app')).toBe(1)
  expect((await manager.consumers.info(stream.name, `app_${channel.name}`)).num_pending).toBe(MESSAGES)

  // A person removes it; what it had not handled is all there still.
  await manager.consumers.delete(stream.name, `app_${channel.name}`)
  await waitFor(() => check()?.ok, { deadlineMs: 20_000 })
  await drained(scene, pushing)
  expect(judge('consumer in conflict', journal).handled).toBe(MESSAGES + 1)
})
