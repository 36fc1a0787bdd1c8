import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { alarmToLog, contracts } from '@alarm-bus/contracts'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { brokerNames, type Cluster, clusterServices, environmentOf, startCluster } from './cluster-harness.ts'
import { authOf, devEnvironment } from './harness.ts'
import { runOps } from './run-ops.ts'
import { repeated, startConsumer, startPublisher } from './traffic.ts'

let cluster: Cluster
beforeAll(async () => {
  cluster = await startCluster()
}, 150_000)
afterAll(() => cluster?.[Symbol.asyncDispose]())

async function withAdmin<T>(work: (manager: Awaited<ReturnType<typeof jetstreamManager>>) => Promise<T>): Promise<T> {
  const { user, password: pass } = authOf('admin')
  const client = await connect({
    servers: [...cluster.servers],
    user,
    pass,
    inboxPrefix: `_INBOX_${user}`,
    tls: cluster.tls,
  })
  try {
    return await work(await jetstreamManager(client, { checkAPI: false }))
  } finally {
    await client.close()
  }
}

test('three brokers in three zones, and the streams in each of them, as the job of compose applies them', async () => {
  const zones = brokerNames.map((name) => environmentOf(name)['NATS_ZONE'])
  expect(zones).toEqual(['az:a', 'az:b', 'az:c'])
  for (const [i, { server }] of cluster.nodes.entries()) {
    const varz = (await (await fetch(new URL('/varz', server.monitorUrl))).json()) as Record<string, any>
    expect(varz).toMatchObject({ server_name: brokerNames[i], tags: [zones[i]] })
    expect(varz['jetstream'].config.unique_tag).toBe('az:')
  }
  const { code, out, err } = await runOps(['apply', '--yes'], {
    NATS_SERVERS: cluster.servers.join(),
    NATS_TLS_CA_FILE: cluster.tls.caFile,
    NATS_ADMIN_PASSWORD: authOf('admin').password,
    STREAM_REPLICAS: clusterServices['streams']?.environment?.['STREAM_REPLICAS'] as string,
  })
  expect(code, out + err).toBe(0)
  await withAdmin(async (manager) => {
    const streams = await manager.streams.list().next()
    expect(streams.length).toBeGreaterThan(contracts.streams.length)
    for (const { config, cluster: place } of streams) {
      expect(config.num_replicas, config.name).toBe(3)
      const peers = [place?.leader, ...(place?.replicas ?? []).map(({ name }) => name)]
      expect(peers.toSorted(), config.name).toEqual(brokerNames)
    }
  })
})

test('restarted one after the other under load: no message is lost, and the work goes on meanwhile', async () => {
  const publisher = startPublisher(cluster, alarmToLog)
  const consumer = startConsumer(cluster, 'log-consumer', [alarmToLog])
  const moreThan = (many: readonly unknown[], before: number): Promise<unknown> =>
    waitFor(() => many.length > before, { deadlineMs: 30_000, what: `more than ${before}` })
  await moreThan(consumer.handled, 50)
  for (const node of cluster.nodes) {
    expect(await node.end(), node.name).toMatchObject({ code: 0 })
    // One is away.
    await moreThan(publisher.stored, publisher.stored.length + 50)
    await moreThan(consumer.handled, consumer.handled.length + 50)
    await node.startAgain()
  }
  await moreThan(publisher.stored, publisher.stored.length + 50)
  await publisher.stop()
  await waitFor(() => new Set(consumer.handled).size >= publisher.stored.length, { deadlineMs: 60_000 })
  await consumer.stop()

  const handled = new Set(consumer.handled)
  const lost = publisher.stored.filter((one) => !handled.has(one))
  const unexpected = [...handled].filter((one) => !publisher.stored.includes(one))
  console.log(
    `acked ${publisher.stored.length}, lost ${lost.length}, unexpected ${unexpected.length}, ` +
      `twice ${repeated(consumer.handled).length}`,
  )
  expect({ lost, unexpected }).toEqual({ lost: [], unexpected: [] })
  // What a failover made the publisher send again is stored once.
  const messages = await withAdmin(async (manager) => {
    const { name } = contracts.streamOf(alarmToLog)
    return (await manager.streams.info(name)).state.messages
  })
  expect(messages).toBe(publisher.stored.length)
}, 240_000)

/** What a broker's port for routes says to one that is no member; it has let it in when it says nothing of an error. */
function askRoute(port: number, password: string, withCertificate: boolean): Promise<string> {
  const read = (file: string): string => readFileSync(join(cluster.certificates, file), 'utf8')
  const pair = withCertificate ? { cert: read('127.0.0.1.pem'), key: read('127.0.0.1-key.pem') } : {}
  return new Promise((resolve) => {
    const socket = connectTls({ host: '127.0.0.1', port, ca: read('ca.pem'), ...pair })
    let said = ''
    socket.once('error', (error) => resolve(error.message))
    socket.once('close', () => resolve(said))
    socket.on('data', (part: Buffer) => {
      said += part.toString('utf8')
      if (said.includes('PONG')) socket.destroy()
    })
    const hello = { user: 'route', pass: password, name: 'NSTRANGER', cluster: 'alarm-bus', verbose: false }
    socket.once('secureConnect', () => socket.write(`CONNECT ${JSON.stringify(hello)}\r\nPING\r\n`))
  })
}

test('a server joins with a certificate of the authority and the routes’ password, and not without', async () => {
  const { routePort } = cluster.nodes[0] as Cluster['nodes'][number]
  const password = devEnvironment['NATS_ROUTE_PASSWORD'] as string
  expect(await askRoute(routePort, password, false)).toMatch(/certificate required/i)
  expect(await askRoute(routePort, authOf('admin').password, true)).toMatch(/Authorization Violation/)
  expect(await askRoute(routePort, password, true)).toMatch(/PONG/)
})
