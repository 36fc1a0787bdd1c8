import { collectLogs } from '@alarm-bus/nats-kit/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../src/database/database.ts'
import { stateOf } from '../src/index/log-index.ts'
import { indexBatches, indexUnindexed } from '../src/index/make-segment.ts'
import { removeOldSegments } from '../src/index/remove-old.ts'
import { searchLogs } from '../src/index/search-logs.ts'
import { type Scan, scanLogs, type ScanStep } from '../src/query/scan-logs.ts'
import type { AlarmRecord } from '../src/store/alarm-store.ts'
import { type LogKey, searchedFor, toRow } from '../src/store/log-row.ts'
import { RecentRows } from '../src/store/recent-rows.ts'
import { removeOldest } from '../src/store/remove-oldest.ts'
import { saveRows } from '../src/store/save-rows.ts'
import { KINDS, startDatabases, type TestDatabases } from './support/databases.ts'
import { migrateAround } from './support/old-rows.ts'
import { createRandom, type Random } from './support/random.ts'
import { FIRST_MS, never, record } from './support/records.ts'

/** Another each time; a failure names it, and SEARCH_SEED brings it back. */
const SEED = Number(process.env['SEARCH_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const OLD_ROWS = 1_200
const NEW_ROWS = 2_400
const SEGMENT_ROWS = 256
const SEARCHES = { sqlite: 300, postgres: 100 } as const

const PIECES = [
  ...['서버실', '온도', '경고', '디스크', '사용률', '정전', '복구', '가', '각', '힣', 'ㄱ', 'ㅏ', 'ᄀ', 'ᅡ', 'ᆨ'],
  ...['서버실'.normalize('NFD'), '온도'.normalize('NFD'), '한글'.normalize('NFKD')],
  ...[
    'disk',
    'DISK',
    'Disk full',
    'host-7',
    'error',
    'Error:',
    'timeout',
    'ab',
    'a',
    'b',
    'q',
    '0',
    '95%',
    '%',
    '_',
    '\\',
  ],
  ...['straße', 'STRASSE', 'ΔΙΣΚΟΣ', 'δίσκος', 'ΔΙΣΚΟΣΤΑΘΜΗ', 'ﬁn', 'İstanbul', 'ısı', 'Ǆ', 'ŉ', 'ᾳ', 'Ω', 'Å', 'Å'],
  ...['é', 'e\u0301', '\u0301', '\u0345', 'a\u0323\u0307', 'a\u0307\u0323', '\u200d', '\ufeff', '\u00ad'],
  ...['🚨', '👩‍🚒', '🇰🇷', '👍🏽', '\u{1f468}', '𝔸', '\ud83d', '\udea8', '\0', '\n', '\t', ' ', '  ', '.', '"', "'"],
]

let databases: TestDatabases
beforeAll(async () => {
  databases = await startDatabases()
})
afterAll(() => databases[Symbol.asyncDispose]())

describe.each(KINDS)('the index and a plain scan find the same, %s', (kind) => {
  let database: Database
  const random = createRandom(SEED)
  const stored: AlarmRecord[] = []
  const recent = new RecentRows()

  beforeAll(async () => {
    database = (await databases.make(kind)).open()
    const make = (seq: number): AlarmRecord => {
      const one = record(seq, {
        channel: random.pick(['alarm-to-bot', 'alarm-to-log', 'alarm-to-log', 'alarm-to-log']),
        stream: random.pick(['S', 'T']),
        message: textOf(random, 12),
        // Many at one time, and some that come much later than they should.
        storedAt: new Date(FIRST_MS + Math.floor((random.chance(0.1) ? random.below(OLD_ROWS + NEW_ROWS) : seq) / 4)),
        requestId: random.chance(0.3) ? `request-${random.below(200)}` : undefined,
        ...(random.chance(0.3) && { extra: textOf(random, 30) }),
      })
      stored.push(one)
      return one
    }
    await migrateAround(database, async () => {
      const rows = Array.from({ length: OLD_ROWS }, (_, seq) => toRow(make(seq)))
      for (let start = 0; start < rows.length; start += 200) {
        const some = rows.slice(start, start + 200).map(({ request_id: _none, ...row }) => row)
        await database.kysely
          .insertInto('logs')
          .values(some as never)
          .execute()
      }
    })
    // Rows of which one has more tokens than a row may.
    const long = Array.from({ length: 20_000 }, () => String.fromCodePoint(0xac00 + random.below(11_172))).join('')
    let batch: AlarmRecord[] = [record(OLD_ROWS + NEW_ROWS, { message: `${long} 온도 needle` })]
    for (let seq = OLD_ROWS; seq < OLD_ROWS + NEW_ROWS; seq++) {
      batch.push(make(seq))
      if (random.chance(0.05)) batch = await save(batch)
      if (random.chance(0.004)) await indexBatches(database, recent, never.signal, SEGMENT_ROWS)
    }
    await save(batch)
    for (let index = 0; index < 5; index++) await indexBatches(database, recent, never.signal, SEGMENT_ROWS)
    for (let index = 0; index < 2; index++) await indexUnindexed(database, never.signal, collectLogs(), SEGMENT_ROWS)
    await removeOldest(database.kysely, { rows: 100 })
    await removeOldSegments(database.kysely)

    async function save(records: readonly AlarmRecord[]): Promise<AlarmRecord[]> {
      const batch = await saveRows(database.kysely, records.map(toRow))
      // The others are read.
      if (batch && random.chance(0.5)) recent.add(batch)
      return []
    }
  }, 120_000)
  afterAll(() => database.close())

  const compare = async (searches: number): Promise<void> => {
    for (let index = 0; index < searches; index++) {
      const scan = scanOf(random, stored)
      const search = await searchLogs(database, scan, recent)
      const expected = await keysOf(scanLogs(database, scan, never.signal))
      // One letter alone: there is nothing that the index knows.
      if (!search) {
        expect([scan.channel, scan.requestId, scan.log]).toEqual([undefined, undefined, undefined])
        expect(searchedFor(scan.text ?? '').some((one) => one.length < 2)).toBe(true)
      } else {
        const found = await keysOf(search(never.signal))
        expect(found.length, `the index is no other than a scan: SEARCH_SEED=${SEED}, ${JSON.stringify(scan)}`).toBe(
          expected.length,
        )
        expect(found, `SEARCH_SEED=${SEED}, ${JSON.stringify(scan)}`).toEqual(expected)
        await goOn(search, scan, expected)
      }
    }
  }
  /** Wherever a reader stops, the next page goes on. */
  const goOn = async (
    search: NonNullable<Awaited<ReturnType<typeof searchLogs>>>,
    scan: Scan,
    expected: readonly LogKey[],
  ): Promise<void> => {
    let seen = 0
    for await (const { entries, reached } of search(never.signal)) {
      seen += entries.length
      if (!reached || random.chance(0.5)) continue
      const rest = await searchLogs(database, { ...scan, after: reached }, recent)
      expect(await keysOf(rest?.(never.signal) ?? [])).toEqual(expected.slice(seen))
      return
    }
  }

  test('with rows of an older version, new ones, and some that are not indexed yet', { timeout: 300_000 }, async () => {
    expect((await stateOf(database.kysely)).unindexed).toBeDefined()
    await compare(SEARCHES[kind])
  })

  test('and when all is indexed', { timeout: 300_000 }, async () => {
    while (await indexUnindexed(database, never.signal, collectLogs(), SEGMENT_ROWS));
    while (await indexBatches(database, recent, never.signal, 1));
    const { unindexed, lastBatch, indexedBatch } = await stateOf(database.kysely)
    expect([unindexed, indexedBatch]).toEqual([undefined, lastBatch])
    await compare(SEARCHES[kind])
    const segments = await database.kysely.selectFrom('log_segments').selectAll().execute()
    expect(segments.length).toBeGreaterThan(8)
  })
})

function textOf(random: Random, most: number): string {
  return Array.from({ length: random.below(most) }, () => random.pick(PIECES)).join(random.pick(['', ' ', '']))
}

/** Common texts, rare ones, ones that are nowhere; parts of what is stored; with the other filters, from anywhere. */
function scanOf(random: Random, stored: readonly AlarmRecord[]): Scan {
  const some = (): AlarmRecord => random.pick(stored)
  const cut = (text: string): string => {
    const start = random.below(text.length)
    return text.slice(start, start + 1 + random.below(random.pick([2, 4, 30])))
  }
  const text = random.pick([
    () => random.pick(PIECES),
    () => random.pick(PIECES) + random.pick(PIECES),
    () => cut(some().message),
    () => cut(`${some().message}\n${some().extra ?? ''}`),
    () => cut(some().message).toUpperCase(),
    () => cut(some().message).normalize('NFD'),
    () => '쀍쀎',
    () => 'xyzzy',
    () => undefined,
  ])()
  const ms = (): number => FIRST_MS + random.below((OLD_ROWS + NEW_ROWS) / 4)
  const { storedAt, stream, seq } = some()
  return {
    order: random.pick(['asc', 'desc']),
    ...(text !== undefined && text !== '' && { text }),
    ...(random.chance(0.3) && { channel: random.pick(['alarm-to-bot', 'alarm-to-log', 'none']) }),
    ...(random.chance(0.15) && { requestId: `request-${random.below(210)}` }),
    ...(random.chance(0.1) && { log: { stream, seq } }),
    ...(random.chance(0.3) && { fromMs: ms() }),
    ...(random.chance(0.3) && { toMs: ms() }),
    ...(random.chance(0.3) && { after: { stored_at_ms: storedAt.getTime(), stream, seq } }),
  }
}

async function keysOf(steps: AsyncIterable<ScanStep> | Iterable<ScanStep>): Promise<readonly LogKey[]> {
  const keys: LogKey[] = []
  for await (const { entries } of steps) keys.push(...entries.map(({ key }) => key))
  return keys
}
