import { setTimeout as sleep } from 'node:timers/promises'
import { type Connection, connect, createJetStreamPublisher, ensureStreams, type Logger } from '@alarm-bus/nats-kit'
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { benchContracts } from '../work/contracts.ts'
import { inFlight } from '../work/in-flight.ts'
import { messageMaker } from '../work/messages.ts'
import { BUS_USER } from './accounts.ts'
import type { Brokers } from './brokers.ts'

const CLUSTER_TIMEOUT_MS = 30_000
const FILL_IN_FLIGHT = 1_024
const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

/** The streams of one row: makes them, fills them, empties them, all outside of what is measured. */
export class Stage {
  readonly #connection: Connection
  readonly #manager: JetStreamManager
  readonly #brokers: Brokers

  private constructor(connection: Connection, manager: JetStreamManager, brokers: Brokers) {
    this.#connection = connection
    this.#manager = manager
    this.#brokers = brokers
  }

  static async open(brokers: Brokers, accounts = false): Promise<Stage> {
    const connection = await connect(
      {
        servers: brokers.servers.map((server) => server.url),
        name: 'bench-stage',
        ...(accounts ? { auth: BUS_USER } : {}),
      },
      { logger: silent },
    )
    const manager = await jetstreamManager(connection.client, { checkAPI: false })
    return new Stage(connection, manager, brokers)
  }

  /** @returns the address of the broker that leads the stream. */
  async makeStream(key: string): Promise<string> {
    const { stream } = benchContracts(key)
    const replicas = this.#brokers.servers.length
    const endsAt = performance.now() + CLUSTER_TIMEOUT_MS
    for (;;) {
      try {
        await ensureStreams(this.#connection, [stream], { mode: 'apply', replicas })
        break
      } catch (error) {
        // A cluster that has just started has no leader yet.
        if (replicas === 1 || performance.now() > endsAt) throw error
        await sleep(200)
      }
    }
    return this.#leaderOf(stream.name)
  }

  async fill(key: string, payloadBytes: number, count: number): Promise<void> {
    const { channel, contracts } = benchContracts(key)
    const publisher = createJetStreamPublisher(this.#connection, { contracts, maxInFlight: FILL_IN_FLIGHT })
    const make = messageMaker(payloadBytes)
    await inFlight(count, FILL_IN_FLIGHT, (n) => publisher.publish(channel, make(n)))
    await publisher.close()
  }

  async empty(key: string): Promise<void> {
    await this.#manager.streams.purge(benchContracts(key).stream.name)
  }

  async close(): Promise<void> {
    await this.#connection.close(2_000)
  }

  async #leaderOf(stream: string): Promise<string> {
    const { cluster } = await this.#manager.streams.info(stream)
    const { servers } = this.#brokers
    const leader = servers.find((server) => server.serverName === cluster?.leader) ?? servers[0]
    if (leader === undefined) throw new Error('there is no broker')
    return leader.url
  }
}
