import { setTimeout as sleep } from 'node:timers/promises'
import { type ConsumerInfo, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream'
import { headers } from '@nats-io/transport-node'
import { HeaderName } from '../codec/headers.ts'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { type JetStreamFailure, JetStreamCode } from '../jetstream-codes.ts'
import { unanswered } from '../streams/unanswered.ts'
import { noteLookupSubject, noteSubject } from '../streams/once-bucket.ts'

export type Notes = Readonly<Record<string, string>>

/** A consumer with what its app has noted of it. */
export interface NotedConsumer extends ConsumerInfo {
  readonly notes: Notes
}

const REQUEST_TIMEOUT_MS = 5_000
const NOT_FOUND = 404
const MAX_ATTEMPTS = 6
const PAUSE_MS = 50

/** What was read last, of the consumers of a connection, and how far the consumer had come then. */
const known = new WeakMap<Connection, Map<string, { readonly at: string; readonly record: StoredRecord }>>()

/** How long a refusal counts, in milliseconds: each attempt is a line in the broker's log, and rights are seldom given. */
const REFUSED_MS = 300_000
/** Until when what this connection's user may not read is not asked for. */
const refusedUntil = new WeakMap<Connection, number>()

/** A bucket that does not answer is taken for missing after so long, in milliseconds; a leader is elected sooner. */
const ABSENT_MS = 5_000
/** Since when a stream's bucket does not answer. */
const absentSince = new WeakMap<Connection, Map<string, number>>()

/** Changes under way in this process, by consumer. */
const last = new Map<string, Promise<unknown>>()

interface StoredRecord {
  /** When the consumer was made that the notes are of: those of one that was made again count from zero. */
  readonly created?: string
  /** Null where a note that an older kit left in the consumer's metadata is removed. */
  readonly notes: Readonly<Record<string, string | null>>
  /** Where the bucket has it; 0 where it has none. */
  readonly seq: number
}

/**
 * The consumer together with what is noted of it: in the stream's bucket, where an app may write with the right to its
 * own consumers' keys alone; and what kits before 1.0 noted in the consumer's metadata.
 *
 * @throws KitError `broker_unavailable`.
 */
export async function noted(connection: Connection, info: ConsumerInfo): Promise<NotedConsumer> {
  const record = await read(connection, info.stream_name, info.name)
  remember(connection, info, record)
  return withRecord(info, record)
}

/**
 * The same, without asking again of a consumer that has done nothing since: what other instances note counts once it has
 * delivered something, or was reset or made again.
 */
export async function notedLately(connection: Connection, info: ConsumerInfo): Promise<NotedConsumer> {
  const before = known.get(connection)?.get(nameOf(info))
  return before?.at === positionOf(info) ? withRecord(info, before.record) : noted(connection, info)
}

function remember(connection: Connection, info: ConsumerInfo, record: StoredRecord): void {
  const all = known.get(connection) ?? new Map()
  known.set(connection, all.set(nameOf(info), { at: positionOf(info), record }))
}

function nameOf({ stream_name: stream, name }: ConsumerInfo): string {
  return `${stream} ${name}`
}

function positionOf({ created, delivered, ack_floor: floor }: ConsumerInfo): string {
  return [created, delivered.consumer_seq, delivered.stream_seq, floor.stream_seq].join(' ')
}

/**
 * Changes what is noted of a consumer. Changes of this process wait for each other; where another instance wrote in
 * between, it is begun again with what that one has noted.
 *
 * @param change what is added or replaced, undefined for what is removed; nothing where there is nothing to write.
 * @returns the consumer with its notes as they are then.
 * @throws KitError `permission_denied`, `broker_unavailable`.
 */
export async function changeNotes<T extends ConsumerInfo>(
  connection: Connection,
  info: T,
  change: (notes: Notes) => Readonly<Record<string, string | undefined>> | undefined,
): Promise<T & NotedConsumer> {
  const name = nameOf(info)
  const run = (last.get(name) ?? Promise.resolve()).then(() => write(connection, info, change))
  const settled = run.catch(() => undefined)
  last.set(name, settled)
  try {
    return await run
  } finally {
    if (last.get(name) === settled) last.delete(name)
  }
}

/** The same of a consumer of which only the name is known; it is looked up first. */
export async function changeNotesOf(
  connection: Connection,
  { stream, consumer }: { readonly stream: string; readonly consumer: string },
  change: (info: NotedConsumer) => Readonly<Record<string, string | undefined>> | undefined,
): Promise<void> {
  const info = await (await managerOf(connection)).consumers.info(stream, consumer)
  await changeNotes(connection, info, (notes) => change({ ...info, notes }))
}

async function write<T extends ConsumerInfo>(
  connection: Connection,
  info: T,
  change: (notes: Notes) => Readonly<Record<string, string | undefined>> | undefined,
): Promise<T & NotedConsumer> {
  for (let attempt = 1; ; attempt++) {
    const record = await read(connection, info.stream_name, info.name)
    const found = withRecord(info, record)
    const changes = change(found.notes)
    if (changes === undefined) return found
    const kept = record.created === String(info.created) ? record.notes : {}
    const changed = Object.entries(changes).map(([key, value]) => [key, value ?? null] as const)
    const notes = { ...kept, ...Object.fromEntries(changed) }
    const next = { created: String(info.created), notes }
    if (await put(connection, info, next, record.seq)) {
      remember(connection, info, { ...next, seq: 0 })
      return withRecord(info, { ...next, seq: 0 })
    }
    if (attempt === MAX_ATTEMPTS)
      throw new KitError(
        KitErrorCode.BrokerUnavailable,
        `what is noted of consumer ${info.name} is changed by another instance again and again`,
      )
    await sleep(PAUSE_MS * (1 + Math.random()))
  }
}

/** @returns whether no other instance wrote meanwhile. */
async function put(
  connection: Connection,
  { stream_name: stream, name }: ConsumerInfo,
  record: Omit<StoredRecord, 'seq'>,
  expectedSeq: number,
): Promise<boolean> {
  if (performance.now() < (refusedUntil.get(connection) ?? 0)) {
    throw new KitError(
      KitErrorCode.PermissionDenied,
      `what is noted of consumer ${name} cannot be stored: this app's user may not; run \`pnpm ops permissions\` and reload the broker`,
    )
  }
  const expected = headers()
  expected.set(HeaderName.ExpectedLastSubjectSequence, String(expectedSeq))
  const answer = await ask(connection, noteSubject(stream, name), JSON.stringify(record), name, expected)
  const { error } = answer.json<{ readonly error?: JetStreamFailure }>()
  if (error === undefined) return true
  if (error.err_code === JetStreamCode.WrongLastSequence || error.err_code === JetStreamCode.LastSequenceUnknown)
    return false
  throw new KitError(
    KitErrorCode.BrokerUnavailable,
    `what is noted of consumer ${name} cannot be stored: ${error.description ?? 'no reason given'}`,
    error.err_code === undefined ? {} : { brokerCode: error.err_code },
  )
}

async function read(connection: Connection, stream: string, name: string): Promise<StoredRecord> {
  // With the permissions of before, until they are renewed, there is none.
  if (performance.now() < (refusedUntil.get(connection) ?? 0)) return { notes: {}, seq: 0 }
  const answer = await ask(connection, noteLookupSubject(stream, name), '', name).catch((error: unknown) => {
    // Messages are handled all the same: without what was noted, which the stream's check says.
    if (isAbsent(connection, stream, error)) return undefined
    if (!KitError.is(error, KitErrorCode.PermissionDenied)) throw error
    refusedUntil.set(connection, performance.now() + REFUSED_MS)
    return undefined
  })
  if (answer === undefined) return { notes: {}, seq: 0 }
  absentSince.get(connection)?.delete(stream)
  if (answer.headers?.code === NOT_FOUND) return { notes: {}, seq: 0 }
  const seq = Number(answer.headers?.get('Nats-Sequence'))
  try {
    const { created, notes } = answer.json<Partial<StoredRecord>>()
    if (typeof created === 'string' && typeof notes === 'object' && notes !== null) return { created, notes, seq }
  } catch {
    // Written by hand, or by something else: it is replaced.
  }
  return { notes: {}, seq }
}

function isAbsent(connection: Connection, stream: string, error: unknown): boolean {
  const { cause } = error as { readonly cause?: unknown }
  if (!(cause instanceof Error && /no responders/i.test(cause.message))) return false
  const all = absentSince.get(connection) ?? new Map<string, number>()
  absentSince.set(connection, all)
  const since = all.get(stream) ?? performance.now()
  all.set(stream, since)
  return performance.now() - since >= ABSENT_MS
}

async function ask(
  { client }: Connection,
  subject: string,
  body: string,
  consumer: string,
  headersOf?: ReturnType<typeof headers>,
) {
  try {
    const timeout = REQUEST_TIMEOUT_MS
    return await client.request(subject, body, { timeout, ...(headersOf && { headers: headersOf }) })
  } catch (error) {
    throw unanswered(`what is noted of consumer ${consumer} cannot be read or stored`, error)
  }
}

function withRecord<T extends ConsumerInfo>(info: T, { created, notes }: StoredRecord): T & NotedConsumer {
  const own = created === String(info.created) ? notes : {}
  const all = Object.entries({ ...info.config.metadata, ...own })
  return { ...info, notes: Object.fromEntries(all.filter(isText)) }
}

function isText(entry: readonly [string, unknown]): entry is [string, string] {
  return typeof entry[1] === 'string'
}

function managerOf({ client }: Connection): Promise<JetStreamManager> {
  return jetstreamManager(client, { checkAPI: false, timeout: REQUEST_TIMEOUT_MS })
}
