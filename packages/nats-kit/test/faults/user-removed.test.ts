import { expect, test } from 'vitest'
import { KitErrorCode } from '../../src/index.ts'
import { onEnd } from '../harness.ts'
import { judge } from './support/judge.ts'
import { PASSWORD, startReloadedBroker } from './support/reloaded-broker.ts'
import { ackedMore } from './support/scenarios.ts'
import { drained, setScene, subscribe } from './support/scene.ts'
import { attempt, startWriters } from './support/writers.ts'

test('users are removed at work: closed for good with the reason, and nothing acknowledged is lost', async () => {
  const broker = await startReloadedBroker(onEnd, [{ user: 'admin' }, { user: 'out' }, { user: 'in' }])
  const as = (user: string) => ({ name: user, auth: { user, password: PASSWORD } })
  const scene = await setScene({ servers: [broker.url], onEnd, connection: as('admin') })
  const { journal } = scene
  const [publishing, consuming] = [await scene.open(as('out')), await scene.open(as('in'))]
  const subscriber = await subscribe(scene, consuming, { onEnd })
  const publish = scene.publisherOn(publishing, { budgetMs: 1_000 })
  const writers = startWriters({ name: 'w', journal, publish })
  onEnd(() => writers.stop())
  await ackedMore(scene, 100, 'publishing before the reload')
  broker.reload([{ user: 'admin' }])
  const reasons = await Promise.all([publishing.closed, consuming.closed])
  expect(reasons).toMatchObject([
    { code: KitErrorCode.AuthenticationFailed },
    { code: KitErrorCode.AuthenticationFailed },
  ])
  await writers.stop()
  expect(await attempt('late', publish, journal)).toMatchObject({ code: KitErrorCode.Closed })
  expect(subscriber.checks().some((check) => check.ok)).toBe(false)

  const again = await scene.open({ ...as('admin'), name: 'in' })
  await subscribe(scene, again, { onEnd })
  await drained(scene, again)
  const { unexpected } = judge('users removed', journal)
  expect(unexpected).not.toContain('late')
})
