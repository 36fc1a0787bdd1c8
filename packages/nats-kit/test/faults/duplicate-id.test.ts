import { expect, test } from 'vitest'
import { createJetStreamPublisher, KitErrorCode } from '../../src/index.ts'
import { waitFor } from '../../src/testing.ts'
import { onEnd, useBroker } from '../harness.ts'
import { judge } from './support/judge.ts'
import { drained, setScene, stored, subscribe } from './support/scene.ts'
import { attempt } from './support/writers.ts'

const broker = useBroker()
const WINDOW = { stream: { duplicateWindowMs: 1_500 }, publisher: { budgetMs: 1_400 } }

test('one id inside the window is stored once; after the window it is another message', async () => {
  const scene = await setScene({ servers: [broker.current.url], onEnd, ...WINDOW })
  const { journal, connection, publish } = scene
  const consuming = await scene.open({ name: 'app' })
  await subscribe(scene, consuming, { onEnd })
  expect(await attempt('twice', publish, journal)).toBeUndefined()
  const again = await Promise.all(Array.from({ length: 5 }, () => publish('twice')))
  for (const receipt of again) expect(receipt).toMatchObject({ seq: 1, duplicate: true })
  const later = await waitFor(async () => {
    const receipt = await publish('twice')
    return receipt.duplicate ? undefined : receipt
  })
  expect(later.seq).toBe(2)
  await drained(scene, consuming)
  expect(await stored(scene, connection)).toBe(2)
  expect(judge('duplicate id', journal)).toMatchObject({ acked: 1, handled: 1, twice: 1 })
})

test('with claims, another message under the id is refused after the window too', async () => {
  const scene = await setScene({ servers: [broker.current.url], onEnd, ...WINDOW })
  const { journal, connection, contracts, channel } = scene
  const publisher = createJetStreamPublisher(connection, { contracts, budgetMs: 1_400, idempotency: true })
  onEnd(() => publisher.close())
  const publish = (id: string, pad: string) => publisher.publish(channel, { id, pad }, { id })
  expect(await attempt('key', (id) => publish(id, 'one'), journal)).toBeUndefined()
  // The window has passed once the broker stores the same message again.
  await waitFor(async () => !(await publish('key', 'one')).duplicate)
  await expect(publish('key', 'two')).rejects.toMatchObject({ code: KitErrorCode.IdempotencyConflict })
  const consuming = await scene.open({ name: 'app' })
  await subscribe(scene, consuming, { onEnd })
  await drained(scene, consuming)
  judge('duplicate id with claims', journal)
})
