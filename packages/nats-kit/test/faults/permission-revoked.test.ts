import { expect, test } from 'vitest'
import { KitErrorCode } from '../../src/index.ts'
import { waitFor } from '../../src/testing.ts'
import { onEnd } from '../harness.ts'
import { judge } from './support/judge.ts'
import { PASSWORD, startReloadedBroker, type User } from './support/reloaded-broker.ts'
import { drained, setScene, subscribe } from './support/scene.ts'
import { attempt } from './support/writers.ts'

const FREE: readonly User[] = [{ user: 'admin' }, { user: 'out' }, { user: 'in' }]

async function setUp() {
  const broker = await startReloadedBroker(onEnd, FREE)
  const as = (user: string) => ({ name: user, auth: { user, password: PASSWORD } })
  const scene = await setScene({ servers: [broker.url], onEnd, connection: as('admin') })
  const [publishing, consuming] = [await scene.open(as('out')), await scene.open(as('in'))]
  return { broker, scene, publishing, consuming, publish: scene.publisherOn(publishing) }
}

test('the right to publish is taken away and given back: refused with a code, and no ack is made up', async () => {
  const { broker, scene, publishing, consuming, publish } = await setUp()
  const { journal, channel } = scene
  await subscribe(scene, consuming, { onEnd })
  expect(await attempt('before', publish, journal)).toBeUndefined()
  broker.reload(
    FREE.map((user) =>
      user.user === 'out' ? { ...user, permissions: `{ publish: { deny: "${channel.subject}" } }` } : user,
    ),
  )
  let tries = 0
  await waitFor(
    async () => (await attempt(`revoked-${tries++}`, publish, journal))?.code === KitErrorCode.PermissionDenied,
  )
  expect(
    publishing.logs.lines.some(
      (line) => line.fields['event'] === 'errorOccurred' && line.fields['subject'] === channel.subject,
    ),
  ).toBe(true)
  broker.reload(FREE)
  await waitFor(async () => (await attempt(`restored-${tries++}`, publish, journal)) === undefined)
  await drained(scene, consuming)
  judge('right to publish revoked', journal)
})

test.each(['pull', 'push'] as const)(
  'the rights of a consumer are taken away and given back (%s): not ready in between, and nothing is lost',
  { timeout: 60_000 },
  async (mode) => {
    const { broker, scene, publishing, consuming, publish } = await setUp()
    const { journal } = scene
    const subscriber = await subscribe(scene, consuming, { onEnd, mode })
    const isReady = () => subscriber.checks().every((check) => check.ok)
    for (let i = 0; i < 20; i++) expect(await attempt(`before-${i}`, publish, journal)).toBeUndefined()
    await waitFor(() => journal.missing().length === 0)
    const denied = `{ publish: { deny: [ "$JS.API.>", "$JS.ACK.>" ] }, subscribe: { deny: "${consuming.inboxPrefix}.>" } }`
    broker.reload(FREE.map((user) => (user.user === 'in' ? { ...user, permissions: denied } : user)))
    for (let i = 0; i < 20; i++) expect(await attempt(`revoked-${i}`, publish, journal)).toBeUndefined()
    await waitFor(() => !isReady(), { what: 'the consumer to say that it cannot go on', deadlineMs: 20_000 })
    expect(
      consuming.logs.lines.some((line) => line.level === 'error' && line.fields['event'] === 'errorOccurred'),
    ).toBe(true)
    broker.reload(FREE)
    await waitFor(isReady, { what: 'the consumer to run again', deadlineMs: 20_000 })
    await drained(scene, publishing)
    expect(judge(`rights of a consumer revoked, ${mode}`, journal).acked).toBe(40)
  },
)

test('the right to acknowledge is taken away and given back: not ready in between, with the reason', async () => {
  const { broker, scene, publishing, consuming, publish } = await setUp()
  const { journal } = scene
  const subscriber = await subscribe(scene, consuming, { onEnd, ackWaitMs: 500, watchdog: { lookMs: 100 } })
  const unwell = () => subscriber.checks().flatMap(({ ok, detail }) => (ok ? [] : [detail]))
  broker.reload(
    FREE.map((user) => (user.user === 'in' ? { ...user, permissions: '{ publish: { deny: "$JS.ACK.>" } }' } : user)),
  )
  expect(await attempt('handled', publish, journal)).toBeUndefined()
  await waitFor(() => unwell().some((detail) => detail.includes('refuses this app')), { deadlineMs: 20_000 })
  broker.reload(FREE)
  await waitFor(() => unwell().length === 0, { what: 'the consumer to be well again', deadlineMs: 20_000 })
  await drained(scene, publishing)
  judge('right to acknowledge revoked', journal)
})
