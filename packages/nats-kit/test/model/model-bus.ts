import type { JetStreamManager } from '@nats-io/jetstream'
import { nuid } from '@nats-io/transport-node'
import { type DeadLetterEntry, listDeadLetters } from '../../src/admin.ts'
import { connect, type Connection, createJetStreamPublisher, ensureStreams } from '../../src/index.ts'
import { collectLogs } from '../../src/testing.ts'
import { type KillableBroker, startKillableBroker } from '../faults/support/broker.ts'
import { Journal } from '../faults/support/journal.ts'
import { type FaultProxy, startProxy } from '../faults/support/proxy.ts'
import { managerOf, type OnEnd } from '../faults/support/scene.ts'
import { QUICK_CONNECTION } from '../faults/support/worker-settings.ts'
import type { PlannedMessage } from './history.ts'
import { type ModelApp, modelContracts } from './model-contracts.ts'
import { ModelProcessSlot } from './model-process-slot.ts'

/** A message whose publish was acknowledged. */
export interface AckedMessage {
  readonly id: string
  readonly stream: string
  readonly seq: number
}

/** The bus that histories happen to: a broker, two processes behind a proxy, and what was acknowledged so far. */
export interface ModelBus {
  readonly broker: KillableBroker
  /** Between the processes and the broker. */
  readonly proxy: FaultProxy
  /** The test's own connection, past the proxy. */
  readonly connection: Connection
  readonly manager: JetStreamManager
  readonly journal: Journal
  readonly processes: readonly ModelProcessSlot[]
  /** Names on the broker, by number. */
  readonly streams: readonly string[]
  readonly acked: readonly AckedMessage[]
  /** Resolves to those that were acknowledged. One that was not may be stored all the same. */
  publish(messages: readonly PlannedMessage[]): Promise<readonly AckedMessage[]>
  consumerOf(app: ModelApp, stream: number): string
  /** All dead letters, of every stream and app. */
  deadLetters(): Promise<readonly DeadLetterEntry[]>
  /** Messages that wait for an app, or are with it, in all streams. */
  pending(app: ModelApp): Promise<number>
}

export async function openModelBus(onEnd: OnEnd): Promise<ModelBus> {
  const key = nuid.next()
  const { channels, contracts, streams } = modelContracts(key)
  const names = streams.map(({ name }) => name)
  const broker = await startKillableBroker({ configText: 'jetstream { max_file: 1TB }' })
  onEnd(() => broker.stop())
  const proxy = await startProxy({ host: '127.0.0.1', port: broker.port })
  onEnd(() => proxy.close())
  const connection = await connect(
    { ...QUICK_CONNECTION, servers: [broker.url], name: 'model', inboxPrefix: `_INBOX_model_${key}` },
    { logger: collectLogs() },
  )
  onEnd(() => connection.close(1_000))
  await ensureStreams(connection, streams, { mode: 'apply' })
  const publisher = createJetStreamPublisher(connection, { contracts, attemptTimeoutMs: 1_000, budgetMs: 3_000 })
  onEnd(() => publisher.close())
  const journal = new Journal()
  onEnd(async () => journal.remove())
  const settings = { servers: [proxy.url], key, journal: journal.folder, isHealed: false }
  const processes = [new ModelProcessSlot(settings), new ModelProcessSlot(settings)]
  onEnd(() => Promise.all(processes.map((process) => process.end('SIGKILL'))))
  for (const process of processes) process.start()
  const manager = await managerOf(connection)
  const acked: AckedMessage[] = []
  const consumerOf = ({ name }: ModelApp, stream: number): string => `${name}_${channels[stream]?.name}`
  return {
    broker,
    proxy,
    connection,
    manager,
    journal,
    processes,
    streams: names,
    acked,
    consumerOf,
    async publish(messages) {
      const all = messages.map(async ({ stream, message }): Promise<AckedMessage> => {
        const channel = channels[stream]
        if (!channel) throw new Error(`the model has no stream ${stream}`)
        const { seq } = await publisher.publish(channel, message, { id: message.id })
        return { id: message.id, stream: names[stream] as string, seq }
      })
      const stored = (await Promise.allSettled(all)).flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
      acked.push(...stored)
      return stored
    },
    async deadLetters() {
      const entries: DeadLetterEntry[] = []
      for (const name of names) for await (const entry of listDeadLetters(connection, name)) entries.push(entry)
      return entries
    },
    async pending(app) {
      const infos = await Promise.all(names.map((name, n) => manager.consumers.info(name, consumerOf(app, n))))
      return infos.reduce((sum, info) => sum + info.num_pending + info.num_ack_pending, 0)
    },
  }
}
