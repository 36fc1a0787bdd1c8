import { nuid } from '@nats-io/transport-node'
import { EncodedHeaders, HeaderName, headerLine } from '../codec/headers.ts'
import type { Connection } from '../connection/connection.ts'
import { JetStreamCode } from '../jetstream-codes.ts'
import { BatchHeader } from './batch-headers.ts'
import type { Batch } from './batch-inbox.ts'
import { isStored, type PubAck, readAck } from './classify.ts'

const NOTHING = new Uint8Array(0)

/** Where the messages of a batch are stored, or how many of its ids are when it is not there as a whole. */
export type Whereabouts =
  | { readonly whole: true; readonly lastSeq: number }
  | { readonly whole: false; readonly known: number }

/**
 * Finds the batch that the broker refused because it holds an id of it already. Asks by publishing messages that
 * cannot be stored, so it needs no right to read the stream.
 *
 * Fresh ids are all stored or none is, so one question tells where. A caller's ids may have been stored in any way:
 * each is asked for, and they make a whole only in one unbroken row.
 *
 * @throws whatever keeps an answer from coming; nothing is stored then either.
 */
export async function findBatch(connection: Connection, batch: Batch, timeoutMs: number): Promise<Whereabouts> {
  const { messages, route } = batch
  const ask = (lines: string): Promise<PubAck> => request(connection, route.subject, lines, timeoutMs)
  const first = messages[0]?.id ?? ''
  const last = messages.at(-1)?.id ?? ''
  if (batch.ownIds) return { whole: true, lastSeq: await sequenceOf(last, ask) }
  const answers = await Promise.all(messages.map(({ id }) => isKnown(id, connection, batch, ask)))
  const known = answers.filter(Boolean).length
  if (known < messages.length) return { whole: false, known }
  const [firstSeq, lastSeq] = await Promise.all([sequenceOf(first, ask), sequenceOf(last, ask)])
  return lastSeq - firstSeq === messages.length - 1 ? { whole: true, lastSeq } : { whole: false, known }
}

type Ask = (lines: string) => Promise<PubAck>

/**
 * A batch of the id and of a message that is always refused. The id is looked at first; an unknown one is not noted by
 * the broker. In a cluster a single message that fails later leaves its id noted, and the next one of it unanswered.
 */
async function isKnown(id: string, connection: Connection, { route }: Batch, ask: Ask): Promise<boolean> {
  const batchLine = headerLine(BatchHeader.Id, nuid.next())
  const idLines = headerLine(HeaderName.MessageId, id) + route.streamLine
  const opening = new EncodedHeaders(batchLine + headerLine(BatchHeader.Sequence, 1) + idLines)
  connection.client.publish(route.subject, NOTHING, { headers: opening as never })
  const { error } = await ask(
    batchLine + headerLine(BatchHeader.Sequence, 2) + headerLine(BatchHeader.Commit, 1) + impossible(),
  )
  if (error?.err_code === JetStreamCode.BatchHasKnownId) return true
  if (error?.err_code === JetStreamCode.BatchHeaderUnsupported) return false
  throw new Error(`whether ${JSON.stringify(id)} is stored cannot be told: ${error?.description ?? 'an odd answer'}`)
}

/** The sequence of a stored id: the broker looks for duplicates before it looks at what else is expected. */
async function sequenceOf(id: string, ask: Ask): Promise<number> {
  const ack = await ask(headerLine(HeaderName.MessageId, id) + impossible())
  if (ack.duplicate === true && ack.seq !== undefined && isStored(ack)) return ack.seq
  throw new Error(`where ${JSON.stringify(id)} is stored cannot be told: ${ack.error?.description ?? 'an odd answer'}`)
}

function impossible(): string {
  return headerLine(BatchHeader.ExpectedLastMessageId, `never-${nuid.next()}`)
}

async function request(connection: Connection, subject: string, lines: string, timeoutMs: number): Promise<PubAck> {
  const headers = new EncodedHeaders(lines)
  const answer = await connection.client.request(subject, NOTHING, {
    timeout: Math.max(1, timeoutMs),
    headers: headers as never,
  })
  return readAck(answer) ?? {}
}
