import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import { waitFor } from '../../../src/testing.ts'
import { type KillableBroker, startKillableBroker } from './broker.ts'
import { freePort } from './free-port.ts'

const NAMES = ['n1', 'n2', 'n3'] as const
/** Starts at most this often: another process may take a route's port first. */
const STARTS = 3

/** Three brokers that store together, each with its own ports and store. */
export interface Cluster {
  readonly nodes: readonly KillableBroker[]
  readonly servers: readonly string[]
  node(name: string): KillableBroker
  stop(): Promise<void>
}

export async function startCluster(): Promise<Cluster> {
  for (let start = 1; ; start++) {
    const routes = await Promise.all(NAMES.map(freePort))
    // All at once: a node is healthy only when it has found a leader, which takes two of them.
    const started = await Promise.allSettled(NAMES.map((name, i) => startNode(name, routes[i] as number, routes)))
    const nodes = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    if (nodes.length === NAMES.length) return clusterOf(nodes)
    await Promise.all(nodes.map((node) => node.stop()))
    if (start === STARTS) throw (started.find((result) => result.status === 'rejected') as PromiseRejectedResult).reason
  }
}

function startNode(name: string, routePort: number, routes: readonly number[]): Promise<KillableBroker> {
  const urls = routes.map((port) => `"nats://127.0.0.1:${port}"`).join(', ')
  return startKillableBroker({
    serverName: name,
    startTimeoutMs: 40_000,
    configText: `jetstream {}\ncluster { name: faults, listen: "127.0.0.1:${routePort}", routes: [ ${urls} ] }`,
  })
}

function clusterOf(nodes: readonly KillableBroker[]): Cluster {
  return {
    nodes,
    servers: nodes.map((node) => node.url),
    node(name) {
      const found = nodes.find((node) => node.current.serverName === name)
      if (!found) throw new Error(`the cluster has no node ${name}`)
      return found
    },
    async stop() {
      for (const node of nodes) node.current.resume()
      await Promise.all(nodes.map((node) => node.stop()))
    },
  }
}

/** The node that leads the stream, once there is one. */
export async function leaderOf(client: NatsConnection, stream: string): Promise<string> {
  const manager = await jetstreamManager(client, { checkAPI: false, timeout: 1_000 })
  return waitFor(async () => (await manager.streams.info(stream)).cluster?.leader, {
    deadlineMs: 30_000,
    what: `a leader of ${stream}`,
  })
}

/** Whether every copy of the stream has what its leader has: only then does the loss of one node lose no quorum. */
export async function isReplicated(manager: JetStreamManager, stream: string): Promise<boolean> {
  const { cluster } = await manager.streams.info(stream)
  const replicas = cluster?.replicas ?? []
  return replicas.length === NAMES.length - 1 && replicas.every((replica) => replica.current && !replica.offline)
}
