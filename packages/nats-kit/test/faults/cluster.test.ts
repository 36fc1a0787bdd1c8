import { afterAll, beforeAll, expect, test } from 'vitest'
import { KitErrorCode } from '../../src/index.ts'
import { waitFor } from '../../src/testing.ts'
import { onEnd } from '../harness.ts'
import { type Cluster, isReplicated, leaderOf, startCluster } from './support/cluster.ts'
import { judge } from './support/judge.ts'
import { ackedMore, flowThrough, killLeader } from './support/scenarios.ts'
import { drained, managerOf, setScene, subscribe } from './support/scene.ts'
import { attempt } from './support/writers.ts'

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster()
})

afterAll(() => cluster?.stop())

test('the leader is killed', { timeout: 120_000 }, async () => {
  const { journal } = await flowThrough(cluster, onEnd, killLeader(cluster))
  judge('R3, leader killed', journal)
})

test('the leader of the stream and of the consumer step down', { timeout: 120_000 }, async () => {
  const { journal } = await flowThrough(cluster, onEnd, async (scene) => {
    const { stream, channel, connection } = scene
    for (const subject of [
      `STREAM.LEADER.STEPDOWN.${stream.name}`,
      `CONSUMER.LEADER.STEPDOWN.${stream.name}.app_${channel.name}`,
    ]) {
      const answer = await connection.client.request(`$JS.API.${subject}`, undefined, { timeout: 5_000 })
      expect(answer.json()).toMatchObject({ success: true })
      await ackedMore(scene, 30, 'publishing after the step-down')
    }
  })
  judge('R3, leaders stepped down', journal)
})

test('the leader freezes, and goes on after another one has taken over', { timeout: 120_000 }, async () => {
  const { journal } = await flowThrough(cluster, onEnd, async (scene) => {
    const leader = cluster.node(await leaderOf(scene.connection.client, scene.stream.name))
    await leader.current.pause()
    onEnd(async () => leader.current.resume())
    await ackedMore(scene, 60, 'publishing while the old leader is frozen')
    leader.current.resume()
  })
  judge('R3, leader frozen', journal)
})

test('without a quorum nothing is acknowledged; with one again nothing is lost', { timeout: 120_000 }, async () => {
  const scene = await setScene({ servers: cluster.servers, onEnd, replicas: 3, publisher: { budgetMs: 40_000 } })
  const { journal, connection, stream } = scene
  const consuming = await scene.open({ name: 'app' })
  await subscribe(scene, consuming, { onEnd })
  const manager = await managerOf(connection)
  await waitFor(() => isReplicated(manager, stream.name), { deadlineMs: 30_000, what: 'three copies' })
  for (let i = 0; i < 50; i++) expect(await attempt(`before-${i}`, scene.publish, journal)).toBeUndefined()

  const [survivor, ...others] = cluster.nodes
  await Promise.all(others.map((node) => node.kill()))
  await waitFor(() => connection.state === 'connected' && connection.client.getServer().endsWith(`:${survivor?.port}`))
  const impatient = scene.publisherOn(connection, { attemptTimeoutMs: 300, budgetMs: 1_500 })
  const refused = await Promise.all(Array.from({ length: 20 }, (_, i) => attempt(`without-${i}`, impatient, journal)))
  expect(new Set(refused.map((error) => error?.code))).toEqual(new Set([KitErrorCode.BrokerUnavailable]))

  await Promise.all(others.map((node) => node.restart()))
  for (let i = 0; i < 50; i++) expect(await attempt(`after-${i}`, scene.publish, journal)).toBeUndefined()
  await drained(scene, consuming)
  // What was refused may have been stored: it was attempted, so it is neither lost nor unexpected.
  expect(judge('R3, quorum lost', journal).acked).toBe(100)
})
