import { nuid } from '@nats-io/transport-node'
import { type DeadLetterEntry, listDeadLetters } from '../../src/admin.ts'
import { type Connection, ensureStreams } from '../../src/index.ts'
import { waitFor } from '../../src/testing.ts'
import { manager, open } from '../harness.ts'
import { Disturbances } from './disturbances.ts'
import { type ForeignApp, startForeignApp } from './foreign-app.ts'
import { type ForeignContracts, foreignContracts } from './foreign-contracts.ts'
import type { OriginalBytes } from './original-of.ts'
import { RawConnection } from './raw-connection.ts'

/** A stream that anybody writes to, one app that pulls from it and one that the broker pushes to. */
export interface ForeignBus extends ForeignContracts {
  readonly admin: Connection
  readonly raw: RawConnection
  readonly apps: readonly ForeignApp[]
  readonly disturbances: Disturbances
  /** Sequence of the message that was stored last. */
  lastSeq(): Promise<number>
  /** What the broker has stored under a sequence, byte for byte. */
  stored(seq: number): Promise<OriginalBytes | undefined>
  /** The dead letters of the app's consumer, the oldest first. */
  deadLetters(app: ForeignApp): Promise<readonly DeadLetterEntry[]>
  /** Messages of the app's consumer that are not delivered or not acknowledged. */
  pending(app: ForeignApp): Promise<number>
  close(): Promise<void>
}

const STARTED_WITHIN_MS = 30_000

export async function openForeignBus(broker: { readonly url: string; readonly port: number }): Promise<ForeignBus> {
  const made = foreignContracts()
  const stream = made.stream.name
  const admin = await open(broker)
  await ensureStreams(admin, [made.stream], { mode: 'apply' })
  const disturbances = new Disturbances()
  const apps: ForeignApp[] = []
  for (const mode of ['pull', 'push'] as const) {
    const connection = await open(broker, { name: `foreign-${mode}`, inboxPrefix: `_INBOX_${nuid.next()}` })
    disturbances.watch(connection)
    apps.push(startForeignApp(connection, made, mode))
  }
  for (const { name, subscriber } of apps) {
    await waitFor(() => subscriber.checks().every(({ ok }) => ok), { what: name, deadlineMs: STARTED_WITHIN_MS })
  }
  const raw = await RawConnection.open(broker.port)
  const streams = (await manager(admin)).streams
  const consumers = (await manager(admin)).consumers
  return {
    ...made,
    admin,
    raw,
    apps,
    disturbances,
    lastSeq: async () => (await streams.info(stream)).state.last_seq,
    stored: (seq) => readStored(admin, stream, seq),
    async deadLetters({ consumer }) {
      const entries: DeadLetterEntry[] = []
      for await (const entry of listDeadLetters(admin, stream, { consumer })) entries.push(entry)
      return entries
    },
    async pending({ consumer }) {
      const { num_pending, num_ack_pending } = await consumers.info(stream, consumer)
      return num_pending + num_ack_pending
    },
    async close() {
      raw.close()
      disturbances.close()
      for (const { subscriber } of apps) await subscriber.stop(500)
    },
  }
}

/** Past the client's own reading of headers, which refuses what the server stores. */
async function readStored({ client }: Connection, stream: string, seq: number): Promise<OriginalBytes | undefined> {
  const answer = await client.request(`$JS.API.STREAM.MSG.GET.${stream}`, JSON.stringify({ seq }), { timeout: 20_000 })
  const { message } = JSON.parse(Buffer.from(answer.data).toString()) as {
    readonly message?: { readonly hdrs?: string; readonly data?: string }
  }
  if (!message) return undefined
  return {
    header: message.hdrs === undefined ? undefined : Buffer.from(message.hdrs, 'base64'),
    data: Buffer.from(message.data ?? '', 'base64'),
  }
}
