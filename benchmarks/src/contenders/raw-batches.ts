import { randomUUID } from 'node:crypto'
import type { JetStreamClient } from '@nats-io/jetstream'
import internal from '@nats-io/jetstream/internal'
import { headers, type MsgHdrs, type NatsConnection, nuid } from '@nats-io/transport-node'
import type { BenchMessage } from '../work/contracts.ts'

/** Exported for companion packages alone; the package is CommonJS, so its default is all of it. */
const { startFastIngest } = internal

/** The most that the server allows, and what the kit asks for with its default of 1,000 messages in flight. */
const ACK_INTERVAL = 500
const MAX_OUTSTANDING_ACKS = 2

interface Target {
  readonly subject: string
  readonly stream: string
}

/** `js.startBatch()`: an id for each message, the expected stream for the first, one awaited commit. */
export async function publishBatch(
  js: JetStreamClient,
  { subject, stream }: Target,
  messages: readonly BenchMessage[],
): Promise<void> {
  const [first, ...others] = messages
  const last = others.pop()
  // The client's batch has a beginning and an end, which are two messages.
  if (last === undefined) throw new Error('a batch of the client has two messages at least')
  const batch = await js.startBatch(subject, JSON.stringify(first), {
    msgID: randomUUID(),
    expect: { streamName: stream },
  })
  for (const message of others) batch.add(subject, JSON.stringify(message), { headers: freshId() })
  await batch.commit(subject, JSON.stringify(last), { headers: freshId() })
}

/** Neither `add` nor `commit` takes an id of its own; as a header it goes through. */
function freshId(): MsgHdrs {
  const withId = headers()
  withId.set('Nats-Msg-Id', randomUUID())
  return withId
}

/** `startFastIngest()`: ids as the kit makes them, the expected stream for the first, any gap ends it. */
export async function publishIngest(
  client: NatsConnection,
  { subject, stream }: Target,
  messages: AsyncIterable<BenchMessage>,
): Promise<void> {
  const ids = `${nuid.next()}-`
  const source = messages[Symbol.asyncIterator]()
  const first = await source.next()
  if (first.done) throw new Error('fast ingest begins with a message')
  const ingest = await startFastIngest(client, subject, JSON.stringify(first.value), {
    ackInterval: ACK_INTERVAL,
    maxOutstandingAcks: MAX_OUTSTANDING_ACKS,
    allowGaps: false,
    msgID: `${ids}0`,
    expect: { streamName: stream },
  })
  let index = 1
  for (let next = await source.next(); !next.done; next = await source.next()) {
    await ingest.add(subject, JSON.stringify(next.value), { msgID: ids + index++ })
  }
  await ingest.end()
}
