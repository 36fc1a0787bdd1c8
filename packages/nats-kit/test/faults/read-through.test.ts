import { afterAll, beforeAll, expect, test } from 'vitest'
import { readChannel } from '../../src/index.ts'
import { waitFor } from '../../src/testing.ts'
import { onEnd } from '../harness.ts'
import { startKillableBroker } from './support/broker.ts'
import { type Cluster, isReplicated, leaderOf, startCluster } from './support/cluster.ts'
import { startProxy } from './support/proxy.ts'
import { ackedMore, killLeader } from './support/scenarios.ts'
import { managerOf, type Scene, setScene } from './support/scene.ts'
import { startWriters } from './support/writers.ts'

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster()
})

afterAll(() => cluster?.stop())

interface Reader {
  readonly seqs: number[]
  readonly ids: string[]
  /** Ends with the message of this sequence. */
  upTo(seq: number): Promise<void>
}

/** Reads live in small batches, so that whatever happens falls into the midst of one. */
async function startReader(scene: Scene, servers: readonly string[] = scene.servers): Promise<Reader> {
  const connection = await scene.open({ name: 'reader', servers, pingIntervalMs: 500 })
  const seqs: number[] = []
  const ids: string[] = []
  const reading = readChannel(connection, scene.channel, {
    contracts: scene.contracts,
    from: 'start',
    live: true,
    pollMs: 5,
    maxMessages: 10,
  })
  const done = (async () => {
    for await (const item of reading) {
      if (item.kind !== 'message') throw new Error(`${item.kind} at ${JSON.stringify(item)}`)
      seqs.push(item.seq)
      ids.push(item.message.id)
    }
  })()
  done.catch(() => undefined)
  onEnd(() => reading.return())
  return {
    seqs,
    ids,
    async upTo(seq) {
      await Promise.race([
        done,
        waitFor(() => (seqs.at(-1) ?? 0) >= seq, { deadlineMs: 30_000, what: `sequence ${seq}` }),
      ])
      await reading.return()
      await done
    },
  }
}

/** The stream holds one channel, so its sequences have no holes. */
async function expectAll(scene: Scene, reader: Reader): Promise<void> {
  const { state } = await waitFor(async () => (await managerOf(scene.connection)).streams.info(scene.stream.name), {
    deadlineMs: 30_000,
  })
  await reader.upTo(state.last_seq)
  expect(reader.seqs).toEqual(Array.from({ length: state.last_seq }, (_, i) => i + 1))
  expect(new Set(reader.ids).size).toBe(state.last_seq)
  expect(state.last_seq).toBeGreaterThanOrEqual(scene.journal.report().acked)
}

async function whileWriting(scene: Scene, fault: () => Promise<void>): Promise<void> {
  const writers = startWriters({ name: 'w', journal: scene.journal, publish: scene.publish, pauseMs: 3 })
  onEnd(() => writers.stop())
  await ackedMore(scene, 60, 'publishing before the fault')
  await fault()
  await ackedMore(scene, 60, 'publishing after the fault')
  await writers.stop()
}

test(
  'over a broker that is killed three times no message is missing and none comes twice',
  { timeout: 120_000 },
  async () => {
    const broker = await startKillableBroker()
    onEnd(() => broker.stop())
    const scene = await setScene({ servers: [broker.url], onEnd, publisher: { budgetMs: 40_000 } })
    const reader = await startReader(scene)
    await whileWriting(scene, async () => {
      for (let i = 0; i < 3; i++) {
        await broker.kill()
        await broker.restart()
        await ackedMore(scene, 60, `publishing after restart ${i}`)
      }
    })
    await expectAll(scene, reader)
  },
)

test('over connections that are cut, and one that falls silent, likewise', { timeout: 120_000 }, async () => {
  const broker = await startKillableBroker()
  onEnd(() => broker.stop())
  const scene = await setScene({ servers: [broker.url], onEnd })
  const proxy = await startProxy({ host: '127.0.0.1', port: broker.port })
  onEnd(() => proxy.close())
  const reader = await startReader(scene, [proxy.url])
  await whileWriting(scene, async () => {
    for (let i = 0; i < 3; i++) {
      proxy.cut()
      await ackedMore(scene, 30, `publishing while cut off ${i}`)
      proxy.heal()
      const before = reader.seqs.length
      await waitFor(() => reader.seqs.length > before + 10, { deadlineMs: 30_000, what: 'reading after a cut' })
    }
    proxy.swallow('to-client')
    await ackedMore(scene, 30, 'publishing while nothing arrives')
    proxy.heal()
  })
  await expectAll(scene, reader)
})

test('over a leader that steps down and one that is killed, likewise', { timeout: 180_000 }, async () => {
  const scene = await setScene({
    servers: cluster.servers,
    onEnd,
    replicas: 3,
    connection: { pingIntervalMs: 500 },
    publisher: { budgetMs: 40_000 },
  })
  const manager = await managerOf(scene.connection)
  await waitFor(() => isReplicated(manager, scene.stream.name), { deadlineMs: 30_000, what: 'three copies' })
  const reader = await startReader(scene)
  await whileWriting(scene, async () => {
    const subject = `$JS.API.STREAM.LEADER.STEPDOWN.${scene.stream.name}`
    const answer = await scene.connection.client.request(subject, undefined, { timeout: 5_000 })
    expect(answer.json()).toMatchObject({ success: true })
    await ackedMore(scene, 60, 'publishing after the step-down')
    await leaderOf(scene.connection.client, scene.stream.name)
    await killLeader(cluster)(scene)
  })
  await expectAll(scene, reader)
})
