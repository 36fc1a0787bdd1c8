import { createHash } from 'node:crypto'
import type { App, Contracts } from '@alarm-bus/contracts'
import type { Connection } from '@alarm-bus/nats-kit'
import {
  type DeadLetterEntry,
  type DeadLetterFilter,
  declaredConsumers,
  listDeadLetters,
  lookAtStream,
  deadLetterSharesStreamName,
  deadLetterStreamName,
} from '@alarm-bus/nats-kit/admin'
import type { Letter, LetterGroup, LetterGroups, LetterPage } from '../api.ts'

/** Letters in consumers' shares are numbered from here. */
const SHARES_FROM = 1_000_000_000_000
/** What one answer looks at: each letter is a request to the broker. */
const MAX_LOOKED = 5_000
const MAX_LOOK_MS = 5_000
const MAX_GROUPS = 200
const MAX_ERROR_CHARACTERS = 2_000

/** What of the API says which letters; the rest of a filter is the kit's. */
export interface LetterFilter {
  readonly stream?: string | undefined
  readonly channel?: string | undefined
  readonly consumer?: string | undefined
  readonly reason?: string | undefined
  readonly olderThanMs?: number | undefined
  readonly newerThanMs?: number | undefined
  readonly group?: string | undefined
  readonly seqs?: readonly number[] | undefined
}

export interface Letters {
  /** The stream that is meant; undefined for one that is not declared. */
  streamOf(name: string | undefined): string | undefined
  page(stream: string, filter: LetterFilter, limit: number, after: string | undefined): Promise<LetterPage>
  groups(stream: string, filter: LetterFilter, signal: AbortSignal): Promise<LetterGroups>
  /** Those of one message, for `consumer` or for whichever. */
  ofMessage(stream: string, seq: number, consumer?: string): Promise<readonly Letter[]>
  toLetter(entry: DeadLetterEntry): Letter
}

export function createLetters(connection: Connection, contracts: Contracts, apps: readonly App[]): Letters {
  const owners = new Map(
    apps.flatMap((app) => declaredConsumers(app, contracts).map((one) => [one.name, app.name] as const)),
  )
  const handled = contracts.streams.filter(({ channels }) =>
    apps.some(({ handles }) => handles.some(({ channel }) => channels.includes(channel))),
  )
  const toLetter = (entry: DeadLetterEntry): Letter => ({
    stream: entry.original.stream,
    seq: entry.seq,
    storedAtMs: entry.storedAt.getTime(),
    channel: entry.channel,
    consumer: entry.consumer,
    app: owners.get(entry.consumer) ?? null,
    reason: entry.reason,
    error: entry.error.slice(0, MAX_ERROR_CHARACTERS),
    deliveries: entry.deliveries,
    redrives: entry.redrives,
    originalSeq: entry.original.seq,
    size: entry.size,
    lost: entry.lost,
  })
  const total = async (stream: string): Promise<number> => {
    const places = [deadLetterStreamName(stream), deadLetterSharesStreamName(stream)]
    const infos = await Promise.all(places.map((place) => lookAtStream(connection, place)))
    return infos.reduce((sum, info) => sum + (info?.state.messages ?? 0), 0)
  }
  return {
    toLetter,
    streamOf: (name) =>
      name === undefined ? handled[0]?.name : contracts.streams.find((one) => one.name === name)?.name,
    async page(stream, filter, limit, after) {
      const letters: Letter[] = []
      const start = after === undefined ? [] : after.split('.').map(Number)
      const cursor = { letter: start[0] ?? 0, share: start[1] ?? 0 }
      const found = listDeadLetters(connection, stream, { ...toKitFilter(filter), after: cursor, limit: limit + 1 })
      let next: string | null = null
      for await (const entry of found) {
        if (letters.length === limit) {
          next = `${cursor.letter}.${cursor.share}`
          break
        }
        letters.push(toLetter(entry))
        cursor[entry.seq > SHARES_FROM ? 'share' : 'letter'] = entry.seq
      }
      return { letters, next, total: await total(stream) }
    },
    async groups(stream, filter, signal) {
      const groups = new Map<string, LetterGroup>()
      const endsAt = performance.now() + MAX_LOOK_MS
      let looked = 0
      let complete = true
      for await (const entry of listDeadLetters(connection, stream, toKitFilter(filter))) {
        if (looked === MAX_LOOKED || performance.now() > endsAt || signal.aborted) {
          complete = false
          break
        }
        looked++
        const key = groupKeyOf(entry)
        const known = groups.get(key)
        if (!known && groups.size === MAX_GROUPS) {
          complete = false
          continue
        }
        groups.set(key, grown(known, key, toLetter(entry)))
      }
      return { groups: [...groups.values()].sort((a, b) => b.count - a.count), looked, complete }
    },
    async ofMessage(stream, seq, consumer) {
      const info = await lookAtStream(connection, deadLetterStreamName(stream), `dead-letter.${stream}.*.${seq}.*`)
      const inShares = (await lookAtStream(connection, deadLetterSharesStreamName(stream)))?.state.messages ?? 0
      const subjects = Object.keys(info?.state.subjects ?? {})
      if (subjects.length === 0 && inShares === 0) return []
      const found: Letter[] = []
      const consumers = consumer === undefined ? subjects.map((subject) => subject.split('.')[2] ?? '') : [consumer]
      const isMeant = (entry: DeadLetterEntry): boolean => entry.original.seq === seq
      for (const name of new Set(inShares > 0 && consumer === undefined ? [undefined, ...consumers] : consumers)) {
        const filter = { ...(name !== undefined && { consumer: name }), where: isMeant, limit: 10 }
        for await (const entry of listDeadLetters(connection, stream, filter)) found.push(toLetter(entry))
      }
      return [...new Map(found.map((letter) => [letter.seq, letter])).values()]
    },
  }
}

/** As the kit looks for them. */
export function toKitFilter({ group, seqs, ...filter }: Omit<LetterFilter, 'stream'>): DeadLetterFilter {
  const given = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined))
  const [only, ...more] = seqs ?? []
  if (only !== undefined && more.length === 0) given['seq'] = only
  const wanted = seqs && new Set(seqs)
  const where = (entry: DeadLetterEntry): boolean =>
    (wanted?.has(entry.seq) ?? true) && (group === undefined || groupKeyOf(entry) === group)
  return wanted || group !== undefined ? { ...given, where } : given
}

/** The same for letters whose errors differ in numbers and quoted names alone. */
function groupKeyOf({ consumer, reason, error }: DeadLetterEntry): string {
  const kind = error
    .slice(0, MAX_ERROR_CHARACTERS)
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|\d+/gi, '#')
    .replaceAll(/"[^"]*"/g, '"…"')
  return createHash('sha256')
    .update(JSON.stringify([consumer, reason, kind]))
    .digest('base64url')
    .slice(0, 16)
}

function grown(known: LetterGroup | undefined, key: string, letter: Letter): LetterGroup {
  const { stream, consumer, channel, reason, error, storedAtMs } = letter
  if (!known)
    return { key, stream, consumer, channel, reason, error, count: 1, oldestMs: storedAtMs, newestMs: storedAtMs }
  return {
    ...known,
    count: known.count + 1,
    oldestMs: Math.min(known.oldestMs, storedAtMs),
    newestMs: Math.max(known.newestMs, storedAtMs),
  }
}
