import { headers } from '@nats-io/transport-node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Connection, KitError } from '../../src/index.ts'
import { waitFor } from '../../src/testing.ts'
import { onEnd } from '../harness.ts'
import type { KillableBroker } from './support/broker.ts'
import { type Cluster, isReplicated, leaderOf, startCluster } from './support/cluster.ts'
import { judge } from './support/judge.ts'
import { drained, managerOf, type Scene, setScene, stored, subscribe } from './support/scene.ts'
import { attempt } from './support/writers.ts'

/** The server's answer to an id whose first message waits for its copies still. */
const DUPLICATE_IN_PROCESS = 10158
/** A leader that moves, or a follower that is quicker than its freeze, takes another try. */
const TRIES = 5

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster()
})

afterAll(() => cluster?.stop())

interface Overtaken {
  readonly connection: Connection
  readonly followers: readonly KillableBroker[]
  /** The kit's publish, whose first attempt waits for copies. */
  readonly publishing: Promise<KitError | undefined>
  readonly inProcess: boolean
}

/** Freezes all but the leader, so that a publish waits for its copies, and asks the broker about its id. */
async function overtake(scene: Scene, id: string): Promise<Overtaken> {
  const { stream, channel, journal } = scene
  const leader = cluster.node(await leaderOf(scene.connection.client, stream.name))
  // Through the leader alone, since the others freeze.
  const connection = await scene.open({ servers: [leader.url], name: 'publisher' })
  const publish = scene.publisherOn(connection, { attemptTimeoutMs: 200, budgetMs: 40_000 })
  const followers = cluster.nodes.filter((node) => node !== leader)
  await Promise.all(followers.map((follower) => follower.current.pause()))
  const before = connection.client.stats().outMsgs
  const publishing = attempt(id, publish, journal)
  await waitFor(() => connection.client.stats().outMsgs > before, { everyMs: 1, what: 'the first attempt' })
  const head = headers()
  head.set('Nats-Msg-Id', id)
  const ask = async (): Promise<boolean> => {
    const answer = await connection.client.request(channel.subject, JSON.stringify({ id }), {
      headers: head,
      timeout: 500,
    })
    return answer.json<{ error?: { err_code: number } }>().error?.err_code === DUPLICATE_IN_PROCESS
  }
  const inProcess = await waitFor(ask, { deadlineMs: 4_000 }).catch(() => false)
  return { connection, followers, publishing, inProcess }
}

test(
  'a retry overtakes its first attempt: “in process” is waited out, and it is stored once',
  { timeout: 90_000 },
  async () => {
    const scene = await setScene({ servers: cluster.servers, onEnd, replicas: 3 })
    const { journal, stream } = scene
    onEnd(async () => {
      for (const node of cluster.nodes) node.current.resume()
    })
    const consuming = await scene.open({ name: 'app' })
    await subscribe(scene, consuming, { onEnd })
    const manager = await managerOf(consuming)
    let overtaken: Overtaken | undefined
    for (let i = 0; i < TRIES && !overtaken?.inProcess; i++) {
      await waitFor(() => isReplicated(manager, stream.name), { deadlineMs: 30_000, what: 'three copies' })
      overtaken = await overtake(scene, `overtaken-${i}`)
      if (overtaken.inProcess) {
        const { connection } = overtaken
        const sent = connection.client.stats().outMsgs
        await waitFor(() => connection.client.stats().outMsgs >= sent + 2, { what: 'retries of the kit' })
      }
      for (const follower of overtaken.followers) follower.current.resume()
      expect(await overtaken.publishing).toBeUndefined()
    }
    expect(overtaken?.inProcess).toBe(true)
    await drained(scene, consuming)
    const { acked, handled } = judge('retry overtakes', journal)
    expect([handled, await stored(scene, consuming)]).toEqual([acked, acked])
  },
)
