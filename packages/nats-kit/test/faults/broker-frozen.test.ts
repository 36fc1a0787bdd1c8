import { expect, test } from 'vitest'
import { waitFor } from '../../src/testing.ts'
import { onEnd } from '../harness.ts'
import { startKillableBroker } from './support/broker.ts'
import { judge } from './support/judge.ts'
import { ackedMore } from './support/scenarios.ts'
import { drained, setScene, stored, subscribe } from './support/scene.ts'
import { startWriters } from './support/writers.ts'

test('the broker freezes mid-publish: what it stored before is retried under the same id and stored once', async () => {
  const broker = await startKillableBroker()
  onEnd(() => broker.stop())
  const scene = await setScene({ servers: [broker.url], onEnd, publisher: { attemptTimeoutMs: 300 } })
  const { journal, connection } = scene
  const consuming = await scene.open({ name: 'app' })
  await subscribe(scene, consuming, { onEnd })
  const writers = startWriters({ name: 'w', writers: 8, journal, publish: scene.publish })
  onEnd(() => writers.stop())
  for (let round = 1; round <= 3; round++) {
    await ackedMore(scene, 50, `publishing before freeze ${round}`)
    await broker.current.pause()
    onEnd(async () => broker.current.resume())
    const sent = connection.client.stats().outMsgs
    await waitFor(() => connection.client.stats().outMsgs >= sent + 16, { what: 'two more attempts of each writer' })
    broker.current.resume()
  }
  await ackedMore(scene, 50, 'publishing after the last freeze')
  await writers.stop()
  await drained(scene, consuming)
  const { acked, attempted } = judge('broker frozen', journal)
  expect(acked).toBe(attempted)
  expect(await stored(scene, connection)).toBe(acked)
})
