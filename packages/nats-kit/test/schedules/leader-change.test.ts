import { afterAll, beforeAll, expect, test } from 'vitest'
import { schedulesStreamName } from '../../src/admin.ts'
import { type Cluster, leaderOf, startCluster } from '../faults/support/cluster.ts'
import { onEnd, open } from '../harness.ts'
import { throughDisturbance } from './disturbed.ts'
import { scheduledContracts } from './scene.ts'

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster()
})

afterAll(() => cluster?.stop())

test.each(['steps down', 'is killed'])(
  'a thousand delays and three crons while their leader %s: each once, what was cancelled never',
  async (what) => {
    const late = await throughDisturbance(scheduledContracts({ maxBytes: 512 * 1024 * 1024 }), {
      url: cluster.servers.join(','),
      replicas: 3,
      async disturb({ stream, reminders }) {
        const schedules = schedulesStreamName(stream.name, reminders.name)
        const connection = await open({ url: cluster.servers[0] as string })
        if (what === 'steps down') {
          const answer = await connection.client.request(`$JS.API.STREAM.LEADER.STEPDOWN.${schedules}`)
          expect(answer.json()).toMatchObject({ success: true })
          return
        }
        const node = cluster.node(await leaderOf(connection.client, schedules))
        await connection.close(1_000)
        await node.kill()
        onEnd(() => node.restart())
      },
    })
    // None early. How late is said and not held: an election takes the server several seconds.
    expect(late[0]).toBeGreaterThanOrEqual(0)
    if (process.env['SAY_LATENESS']) console.log(`late, ms: p50 ${late[late.length >> 1]}, most ${late.at(-1)}`)
  },
  120_000,
)
