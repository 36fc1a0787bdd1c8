import { get, type IncomingMessage } from 'node:http'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { createLogger, createMetrics } from '@alarm-bus/service'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLogHttp } from '../src/http/log-http.ts'
import type { LogEntry } from '../src/store/log-row.ts'
import type { LogStore } from '../src/store/log-store.ts'
import { KINDS, startDatabases, type TestDatabases } from './support/databases.ts'
import { FIRST_MS, never, openStore, record } from './support/records.ts'

const TOKEN = 'a-token-of-a-test-that-is-long-enough'
const OTHER_TOKEN = 'another-token-of-a-test-long-enough-too'
const config = { app: 'test', version: '0.0.0' }
const authorization = `Bearer ${TOKEN}`

let databases: TestDatabases
beforeAll(async () => {
  databases = await startDatabases()
})
afterAll(() => databases[Symbol.asyncDispose]())

interface Page {
  readonly logs: readonly LogEntry[]
  readonly next: string | null
}

describe.each(KINDS)('GET /logs, %s', (kind) => {
  let store: LogStore
  let http: FastifyInstance
  let url: string
  /** How often the app has asked for its database: once a request that got so far. */
  let asked = 0

  beforeAll(async () => {
    store = await openStore(await databases.make(kind))
    const saved = Array.from({ length: 6_000 }, (_, seq) =>
      store.save(record(seq, { channel: seq % 1_000 === 7 ? 'alarm-to-bot' : 'alarm-to-log' }), never),
    )
    await Promise.all(saved)
    http = makeHttp(60_000)
    url = await http.listen({ port: 0, host: '127.0.0.1' })
  })
  afterAll(async () => {
    await http.close()
    await store.close()
  })

  /** @param exportIdleMs when an export that nobody reads gives way. */
  const makeHttp = (exportIdleMs: number): FastifyInstance =>
    createLogHttp({
      config,
      logger: createLogger({ ...config, logLevel: 'fatal' }),
      health: () => ({ ready: false, checks: [] }),
      metrics: createMetrics(config),
      database: () => (asked++, store.database()),
      tail: () => store.tail,
      recent: store.recent,
      tokens: [TOKEN, OTHER_TOKEN],
      exportIdleMs,
    })

  const ask = (query: string, headers: Readonly<Record<string, string>> = {}) =>
    fetch(`${url}/logs${query}`, { headers: { authorization, ...headers } })
  const page = async (query: string): Promise<Page> => {
    const response = await ask(query)
    expect(response.status, await response.clone().text()).toBe(200)
    return (await response.json()) as Page
  }
  const all = async (query: string): Promise<readonly LogEntry[]> => {
    const logs: LogEntry[] = []
    for (let cursor = ''; ;) {
      const one = await page(`${query}${cursor}`)
      logs.push(...one.logs)
      if (one.next === null) return logs
      cursor = `&cursor=${one.next}`
    }
  }
  const save = async (seq: number, changes: Parameters<typeof record>[1]): Promise<void> =>
    store.save(record(seq, { stream: 'TEXTS', storedAt: new Date(FIRST_MS - 1_000_000 + seq), ...changes }), never)

  test('newest first, a page at a time: every log once, then no next', async () => {
    const first = await page('')
    expect(first.logs).toHaveLength(100)
    expect(first.logs[0]).toEqual({
      storedAt: new Date(FIRST_MS + 5_999).toISOString(),
      channel: 'alarm-to-log',
      message: 'alarm 5999',
      id: 'id-5999',
      stream: 'S',
      seq: 5_999,
    })
    const logs = await all(`?limit=999&from=${new Date(FIRST_MS).toISOString()}`)
    expect(logs.map(({ seq }) => seq)).toEqual(Array.from({ length: 6_000 }, (_, index) => 5_999 - index))
  })

  test('oldest first, by channel and by time: from is included, to is not', async () => {
    const from = encodeURIComponent(new Date(FIRST_MS + 1_007).toISOString())
    const to = encodeURIComponent(new Date(FIRST_MS + 5_007).toISOString().replace('Z', '+00:00'))
    const logs = await all(`?order=asc&channel=alarm-to-bot&from=${from}&to=${to}&limit=3`)
    expect(logs.map(({ seq }) => seq)).toEqual([1_007, 2_007, 3_007, 4_007])
    expect((await page('?channel=no-such-channel')).logs).toEqual([])
  })

  test('logs of one time are told apart by stream and sequence', async () => {
    const storedAt = new Date(FIRST_MS - 86_400_000)
    for (const stream of ['A', 'B']) for (const seq of [1, 2, 3]) await save(seq, { stream, storedAt })
    const logs = await all(`?order=asc&limit=1&to=${new Date(storedAt.getTime() + 1).toISOString()}`)
    expect(logs.map(({ stream, seq }) => `${stream}${seq}`)).toEqual(['A1', 'A2', 'A3', 'B1', 'B2', 'B3'])
  })

  test('text is found anywhere, in Korean however it was typed, in any case, and nothing in it is a pattern', async () => {
    await save(1, { message: '서버실 온도가 높습니다' })
    await save(2, { message: '디스크 경고', extra: 'Host DB-2, 사용률 95%' })
    await save(3, { message: '서버실 정전'.normalize('NFD') })
    await save(4, { message: 'a\\b_c' })
    await save(5, { message: 'ÉCOLE 🚨' })
    await save(7, { message: 'ΔΙΣΚΟΣΤΑΘΜΗ' })
    await save(8, { message: 'Hauptstraße' })
    const find = async (text: string) =>
      (await page(`?order=asc&text=${encodeURIComponent(text)}`)).logs.map(({ seq }) => seq)
    expect(await find('서버실')).toEqual([1, 3])
    expect(await find('온도')).toEqual([1])
    expect(await find('서버실'.normalize('NFD'))).toEqual([1, 3])
    expect(await find('db-2, 사용률')).toEqual([2])
    expect(await find('95%')).toEqual([2])
    expect(await find('%')).toEqual([2])
    expect(await find('\\b_')).toEqual([4])
    expect(await find('a_c')).toEqual([])
    expect(await find('école 🚨')).toEqual([5])
    expect(await find('경고\nHost')).toEqual([2])
    expect(await find('ΔΙΣΚΟΣ')).toEqual([7])
    expect(await find('δισκος')).toEqual([7])
    expect(await find('HAUPTSTRASSE')).toEqual([8])
  })

  test('a text that no text column holds comes back as it was', async () => {
    const message = 'nul \0, half \ud83d of a pair'
    await save(6, { message, extra: '\0', id: 'id' })
    const { logs } = await page(`?text=${encodeURIComponent('half')}`)
    expect(logs).toEqual([expect.objectContaining({ message, extra: '\0', id: 'id' })])
  })

  test('a page has as much text as is made in one go; what is left is on the next', async () => {
    const extra = '가'.repeat(60_000)
    await Promise.all(Array.from({ length: 60 }, (_, seq) => save(seq, { stream: 'MUCH', channel: 'much', extra })))
    const first = await page('?channel=much&limit=1000')
    expect(first.logs.length).toBeLessThan(40)
    expect(first.next).not.toBeNull()
    const logs = await all('?channel=much&limit=1000')
    expect(logs.map(({ seq }) => seq)).toEqual(Array.from({ length: 60 }, (_, index) => 59 - index))
  })

  test('NDJSON: everything that fits, one log a line', async () => {
    const response = await ask(`?from=${new Date(FIRST_MS).toISOString()}&order=asc`, {
      accept: 'application/x-ndjson',
    })
    expect(response.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8')
    expect(response.headers.get('vary')).toBe('accept')
    const lines = (await response.text()).split('\n')
    expect(lines.pop()).toBe('')
    expect(lines.map((line) => (JSON.parse(line) as LogEntry).seq)).toEqual(
      Array.from({ length: 6_000 }, (_, index) => index),
    )
    const none = await ask('?format=ndjson&channel=none')
    expect([none.status, await none.text()]).toEqual([200, ''])
  })

  test('CSV: RFC 4180, a byte order mark, and nothing that a sheet would run', async () => {
    const rows = ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', '  =1', '＝1', 'plain', 'a,"b"\r\nc', '온도']
    for (const [seq, message] of rows.entries()) await save(seq, { stream: 'CSV', message, extra: message })
    const to = new Date(FIRST_MS - 900_000).toISOString()
    const response = await ask(`?format=csv&order=asc&to=${to}&from=${new Date(FIRST_MS - 1_000_000).toISOString()}`)
    expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present')
    expect(response.headers.get('content-disposition')).toBe('attachment; filename="logs.csv"')
    const bytes = Buffer.from(await response.arrayBuffer())
    expect([...bytes.subarray(0, 3)]).toEqual([0xef, 0xbb, 0xbf])
    const [head, ...lines] = parseCsv(bytes.subarray(3).toString())
    expect(head).toEqual(['storedAt', 'channel', 'message', 'extra', 'id', 'stream', 'seq', 'requestId'])
    const cells = lines.filter((line) => line[5] === 'CSV')
    expect(cells.map((line) => line[2])).toEqual(
      rows.map((text) => text.replace(/^([\t\r\n]?)(?= *[=+\-@＝])/, "$1'").replace(/^(?=[\t\r\n])/, "'")),
    )
    expect(cells.map((line) => line[3])).toEqual(cells.map((line) => line[2]))
    const none = await ask('?format=csv&channel=none')
    expect(await none.text()).toBe('storedAt,channel,message,extra,id,stream,seq,requestId\r\n')
  })

  test('an export stops reading when its client does, and ends with it', async () => {
    // More than the system buffers for a connection whose reader stands still, which would end the export.
    const long = { channel: 'long', extra: 'x'.repeat(4_000) }
    await Promise.all(Array.from({ length: 4_000 }, (_, seq) => save(seq, { stream: 'LONG', ...long })))
    const before = asked
    // Nobody reads these; a fifth of the same client is refused for as long as they are open.
    const held = await Promise.all(Array.from({ length: 4 }, () => openExport(url)))
    expect(asked - before).toBe(4)
    const refused = await ask('?format=csv')
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '2'])
    expect(await refused.json()).toMatchObject({ type: 'urn:alarm-bus:problem:too-many-readers', status: 503 })
    expect((await ask('')).status).toBe(200)
    for (const response of held) response.destroy()
    await waitFor(async () => (await ask('?format=csv&limit=1')).ok, { what: 'an export is let in again' })
  })

  test('exports are shared out: who has less than its share takes the place of one that is not read', async () => {
    const held = await Promise.all(Array.from({ length: 4 }, () => openExport(url)))
    const other = { authorization: `Bearer ${OTHER_TOKEN}` }
    expect((await ask('?format=csv&limit=1')).status).toBe(503)
    const [first, second] = [await openExport(url, other), await openExport(url, other)]
    expect([first.statusCode, second.statusCode]).toEqual([200, 200])
    // Two each; what was cut off has no proper end.
    expect((await ask('?format=csv&limit=1', other)).status).toBe(503)
    expect((await Promise.all(held.map(isWhole))).toSorted()).toEqual([false, false, true, true])
    for (const response of [first, second]) response.destroy()
    await waitFor(async () => (await ask('?format=csv&limit=1')).ok, { what: 'an export is let in again' })
  })

  test('an export that is not read gives way to others after a while', async () => {
    const hasty = makeHttp(1)
    const hastyUrl = await hasty.listen({ port: 0, host: '127.0.0.1' })
    const held: IncomingMessage[] = []
    try {
      held.push(...(await Promise.all(Array.from({ length: 4 }, () => openExport(hastyUrl)))))
      const whole = await waitFor(
        async () => {
          const response = await fetch(`${hastyUrl}/logs?format=ndjson&channel=alarm-to-bot`, {
            headers: { authorization },
          })
          return response.ok ? response.text() : undefined
        },
        { what: 'a fifth is let in' },
      )
      expect(whole.trim().split('\n').length).toBeGreaterThanOrEqual(6)
      expect(await Promise.all(held.map(isWhole))).toContain(false)
    } finally {
      for (const response of held) response.destroy()
      await hasty.close()
    }
  })

  const refused: readonly (readonly [string, string])[] = [
    ['?cursor=nonsense', '/cursor'],
    [`?cursor=${Buffer.from('["desc",1,"S"]').toString('base64url')}`, '/cursor'],
    [`?cursor=${Buffer.from('["desc",-1,"S",1]').toString('base64url')}`, '/cursor'],
    [`?cursor=${'A'.repeat(2_000)}`, '/cursor'],
    [`?order=asc&cursor=${Buffer.from('["desc",1,"S",1]').toString('base64url')}`, '/cursor'],
    ['?limit=0', '/limit'],
    ['?limit=1001', '/limit'],
    ['?limit=1e3', '/limit'],
    ['?from=yesterday', '/from'],
    ['?from=2026-05-01T00:00:00', '/from'],
    ['?from=2026-05-02&to=2026-05-01', '/to'],
    [`?text=${'a'.repeat(201)}`, '/text'],
    ['?text=', '/text'],
    ['?chanel=alarm-to-bot', '/chanel'],
    ['?channel=a&channel=b', '/channel'],
    ['?format=xml', '/format'],
    ['?order=up', '/order'],
    ['?channel=%00', '/channel'],
    [`?cursor=${Buffer.from('["desc",1,"S\\u0000",1]').toString('base64url')}`, '/cursor'],
  ]
  test.each(refused.map(([query, path]) => ({ query, path, shown: query.slice(0, 60) })))(
    '$shown: 400 with $path',
    async ({ query, path }) => {
      const response = await ask(query)
      expect(response.status).toBe(400)
      expect(response.headers.get('content-type')).toContain('application/problem+json')
      const problem = (await response.json()) as Record<string, unknown>
      expect(problem).toMatchObject({ type: 'urn:alarm-bus:problem:invalid-request', errors: [{ in: 'query', path }] })
      expect(problem['instance']).toBe(`urn:alarm-bus:request:${response.headers.get('x-request-id')}`)
    },
  )

  test('a query of thousands of unknown parameters is answered with a hundred issues', async () => {
    const response = await ask(`?${Array.from({ length: 2_000 }, (_, index) => `a${index}`).join('&')}`)
    expect(response.status).toBe(400)
    expect(((await response.json()) as { errors: unknown[] }).errors).toHaveLength(100)
  })

  test('which format: the parameter goes before the header, and none that fits is 406', async () => {
    const typeOf = async (query: string, accept: string) => {
      const response = await ask(`?limit=1${query}`, { accept })
      await response.text()
      return response.ok ? response.headers.get('content-type')?.split(';')[0] : response.status
    }
    expect(await typeOf('', '*/*')).toBe('application/json')
    expect(await typeOf('', 'text/csv;q=0.5, application/x-ndjson')).toBe('application/x-ndjson')
    expect(await typeOf('&format=json', 'text/csv')).toBe('application/json')
    expect(await typeOf('', 'image/png')).toBe(406)
  })

  test.each([
    [{}, 'no token was sent'],
    [{ authorization: 'Bearer wrong' }, 'the token is invalid'],
    [{ authorization: `Basic ${TOKEN}` }, 'no token was sent'],
    [{ authorization: `Bearer ${TOKEN}x` }, 'the token is invalid'],
  ])('%o: 401', async (headers, detail) => {
    const response = await fetch(`${url}/logs`, { headers: headers as Record<string, string> })
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe('Bearer realm="logs"')
    expect(await response.json()).toMatchObject({ status: 401, detail: expect.stringContaining(detail) })
    expect((await fetch(`${url}/livez`)).status).toBe(200)
  })

  test('anything else is a problem too', async () => {
    const missing = await fetch(`${url}/log`)
    expect(missing.status).toBe(404)
    expect(missing.headers.get('content-type')).toContain('application/problem+json')
    const posted = await fetch(`${url}/logs`, { method: 'POST', headers: { authorization } })
    expect(posted.status).toBe(404)
    expect(posted.headers.get('content-type')).toContain('application/problem+json')
  })
})

/** An export whose answer has begun and that nobody reads. */
function openExport(
  url: string,
  headers: Readonly<Record<string, string>> = { authorization },
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(`${url}/logs?format=ndjson`, { headers, agent: false }, resolve).once('error', reject)
  })
}

/** Reads the rest; false when it is cut off. */
async function isWhole(response: IncomingMessage): Promise<boolean> {
  try {
    for await (const _part of response);
    return response.complete
  } catch {
    return false
  }
}

/** As RFC 4180 has it: cells with commas between, quoted where they need it, CRLF at each end. */
function parseCsv(text: string): string[][] {
  const lines: string[][] = [[]]
  let end = 0
  for (const match of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gy)) {
    const [whole, quoted, plain = '', separator] = match
    lines.at(-1)?.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
    if (separator === '\r\n') lines.push([])
    end += whole.length
  }
  expect(text.slice(end), 'what is no cell').toBe('')
  return lines.slice(0, -1)
}
