import { waitFor } from '../../../src/testing.ts'
import type { KillableBroker } from './broker.ts'
import { type Cluster, isReplicated, leaderOf } from './cluster.ts'
import { drained, managerOf, type OnEnd, type Scene, setScene, stored, subscribe } from './scene.ts'
import { startConsumer, startPublisher, type Worker } from './worker.ts'
import type { ConsumerSettings, PublisherSettings } from './worker-settings.ts'
import { startWriters } from './writers.ts'

const DEADLINE_MS = 45_000

/** Waits until this many more messages were acknowledged: the fault lies in the midst of the traffic. */
export async function ackedMore({ journal }: Scene, more: number, what: string): Promise<void> {
  const before = journal.count('acked')
  await waitFor(() => journal.count('acked') >= before + more, { deadlineMs: DEADLINE_MS, everyMs: 5, what })
}

/** Waits until this many more were handled: a consumer takes longer to come back than a publisher. */
async function handledMore({ journal }: Scene, more: number, what: string): Promise<void> {
  const before = journal.count('handled.app')
  await waitFor(() => journal.count('handled.app') >= before + more, { deadlineMs: DEADLINE_MS, everyMs: 5, what })
}

export interface KillOptions {
  readonly onEnd: OnEnd
  readonly rounds: number
  /** Numbers from 0 to 1 that decide when each kill comes. */
  readonly random: () => number
  readonly mode: 'pull' | 'push'
}

/** Enough that a kill always lies amid publishes, and few enough that a round takes a second. */
const LEAST_ACKS = 60
const MORE_ACKS = 240
const LEAST_HANDLED = 30

/**
 * The broker is killed while one process publishes and another consumes, and in between the consumer is killed. Every
 * process comes back. Resolves when the consumer has caught up.
 */
export async function killBrokerAndConsumers(broker: KillableBroker, options: KillOptions): Promise<Scene> {
  const { onEnd, rounds, random, mode } = options
  const scene = await setScene({ servers: [broker.url], onEnd })
  // A handler that takes a moment: a kill then finds messages that were begun and not finished. The publishers leave it
  // room to keep up.
  const settings = { ...consumerSettings(scene, mode), handleMs: 5 }
  const consumer = restarted(onEnd, () => startConsumer(settings))
  await consumer.current.ready
  const publisher = startPublisher({ ...publisherSettings(scene), pauseMs: 3 })
  onEnd(() => publisher.kill('SIGKILL'))
  await publisher.ready
  const some = (): number => LEAST_ACKS + Math.floor(random() * MORE_ACKS)
  for (let round = 1; round <= rounds; round++) {
    await ackedMore(scene, some(), `publishing in round ${round}`)
    await broker.kill()
    await broker.restart()
    await ackedMore(scene, some(), `publishing after restart ${round}`)
    await handledMore(scene, LEAST_HANDLED, `handling after restart ${round}`)
    await consumer.current.kill('SIGKILL')
    consumer.start()
  }
  await ackedMore(scene, LEAST_ACKS, 'publishing at the end')
  await expectExit(publisher, 0)
  await consumer.current.ready
  await drained(scene, scene.connection)
  await expectExit(consumer.current, 0)
  return scene
}

export function consumerSettings(scene: Scene, mode: 'pull' | 'push'): ConsumerSettings {
  return {
    servers: scene.servers,
    key: scene.key,
    stream: scene.streamOptions,
    journal: scene.journal.folder,
    subscriber: { mode },
  }
}

export function publisherSettings(scene: Scene): PublisherSettings {
  return {
    servers: scene.servers,
    key: scene.key,
    stream: scene.streamOptions,
    journal: scene.journal.folder,
    name: 'p',
  }
}

/** A process that is started again each time it was killed. */
export function restarted(onEnd: OnEnd, start: () => Worker): { readonly current: Worker; start(): void } {
  let current = start()
  onEnd(() => current.kill('SIGKILL'))
  return {
    get current() {
      return current
    },
    start() {
      current = start()
    },
  }
}

export async function expectExit(worker: Worker, code: number): Promise<void> {
  const how = await worker.kill('SIGTERM')
  if (how !== code)
    throw new Error(`a process ended with ${how}, not ${code}. Its last lines:\n${worker.lastLines.join('\n')}`)
}

/** What happens to a cluster while messages flow; `scene.connection` is the publishers'. */
export type ClusterFault = (scene: Scene) => Promise<void>

/**
 * Messages flow through a stream of three copies while the fault happens. Resolves when the consumer has caught up and
 * every acknowledged message is in the stream.
 */
export async function flowThrough(cluster: Cluster, onEnd: OnEnd, fault: ClusterFault): Promise<Scene> {
  const scene = await setScene({
    servers: cluster.servers,
    onEnd,
    replicas: 3,
    connection: { pingIntervalMs: 500 },
    // Longer than an election, shorter than the duplicate window.
    publisher: { budgetMs: 40_000 },
  })
  const consuming = await scene.open({ name: 'app' })
  await subscribe(scene, consuming, { onEnd })
  const manager = await managerOf(consuming)
  await waitFor(() => isReplicated(manager, scene.stream.name), { deadlineMs: DEADLINE_MS, what: 'three copies' })
  const writers = startWriters({ name: 'w', journal: scene.journal, publish: scene.publish })
  onEnd(() => writers.stop())
  await ackedMore(scene, LEAST_ACKS, 'publishing before the fault')
  await fault(scene)
  await ackedMore(scene, LEAST_ACKS, 'publishing after the fault')
  await writers.stop()
  if (writers.failures[0]) throw writers.failures[0]
  await drained(scene, consuming)
  const acked = scene.journal.report().acked
  const kept = await waitFor(() => stored(scene, consuming))
  if (kept !== acked) throw new Error(`${kept} messages are stored, and ${acked} were acknowledged`)
  return scene
}

/** The stream's leader dies amid publishes, and comes back after another one has taken over. */
export const killLeader =
  (cluster: Cluster, random: () => number = Math.random): ClusterFault =>
  async (scene) => {
    await ackedMore(scene, Math.floor(random() * MORE_ACKS), 'publishing before the kill')
    const leader = cluster.node(await leaderOf(scene.connection.client, scene.stream.name))
    await leader.kill()
    await ackedMore(scene, LEAST_ACKS, 'publishing under a new leader')
    await leader.restart()
    const manager = await managerOf(scene.connection)
    await waitFor(() => isReplicated(manager, scene.stream.name), {
      deadlineMs: DEADLINE_MS,
      what: 'three copies again',
    })
  }
