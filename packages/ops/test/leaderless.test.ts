import { deadLetterSubject } from '@alarm-bus/nats-kit/admin'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { AckPolicy, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, startCluster } from './cluster-harness.ts'
import { authOf } from './harness.ts'
import { runOps } from './run-ops.ts'

const STREAM = 'BASQUIAT_STREAM'
const CONSUMER = 'alarm-consumer_alarm-to-bot'

let cluster: Cluster
beforeAll(async () => {
  cluster = await startCluster()
}, 150_000)
afterAll(() => cluster?.[Symbol.asyncDispose]())

async function withUser<T>(name: string, work: (client: NatsConnection, manager: JetStreamManager) => Promise<T>) {
  const { user, password: pass } = authOf(name)
  const client = await connect({
    servers: [...cluster.servers],
    user,
    pass,
    inboxPrefix: `_INBOX_${user}`,
    tls: cluster.tls,
  })
  try {
    return await work(client, await jetstreamManager(client, { checkAPI: false }))
  } finally {
    await client.close()
  }
}

const leaderOf = (stream: string) =>
  withUser('admin', async (_, manager) => (await manager.streams.info(stream)).cluster?.leader)

/** What each command does to the broker when it is wrong about what is there: makes it, or leaves it out. */
const COMMANDS = [
  ['plan', '--streams-only', '--wait-ms', '6000'],
  ['plan', '--wait-ms', '6000'],
  ['apply', '--yes', '--wait-ms', '6000'],
  ['dlq', 'list'],
  ['dlq', 'redrive'],
  ['dlq', 'discard', '--all', '--apply'],
  ['consumers', 'prune', '--apply'],
]

test('what has no leader is not taken for what is not there, by no command', { timeout: 180_000 }, async () => {
  const operator = {
    NATS_ADMIN_PASSWORD: authOf('admin').password,
    NATS_MIGRATOR_PASSWORD: authOf('migrator').password,
  }
  const ops = (servers: readonly string[], args: readonly string[]) =>
    runOps(args, { ...operator, NATS_SERVERS: servers.join(), NATS_TLS_CA_FILE: cluster.tls.caFile })
  // One copy of each stream, so that what is on a broker is away with it.
  expect((await ops(cluster.servers, ['apply', '--yes'])).code).toBe(0)
  await withUser('alarm-consumer', (client) => client.request(deadLetterSubject(STREAM, CONSUMER, 1, '1'), '{}'))
  expect((await ops(cluster.servers, ['dlq', 'list'])).out).toContain(CONSUMER)

  await withUser('migrator', (_, manager) =>
    manager.consumers.add(`${STREAM}_DLQ`, { durable_name: 'of-nobody', ack_policy: AckPolicy.Explicit }),
  )

  const away = await leaderOf(`${STREAM}_DLQ`)
  await cluster.nodes.find(({ name }) => name === away)?.server.kill()
  // The one that is away may have been the leader of them all: until there is another nothing is answered.
  const names = () => withUser('admin', (_, manager) => manager.streams.names().next())
  await waitFor(
    () =>
      names().then(
        () => true,
        () => false,
      ),
    { deadlineMs: 60_000, what: 'a leader of the cluster' },
  )
  const left = cluster.nodes.filter(({ name }) => name !== away).map(({ url }) => url)
  for (const args of COMMANDS) {
    const { code, out, err } = await ops(left, args)
    expect({ code, out }, args.join(' ')).toEqual({ code: 1, out: '' })
    expect(err, args.join(' ')).toContain(`${STREAM}_DLQ`)
  }
})
