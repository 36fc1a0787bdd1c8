import { describe, expect, test } from 'vitest'
import { KitErrorCode, remoteErrorOf } from '../../src/index.ts'
import { waitFor } from '../../src/testing.ts'
import { open, useBroker } from '../harness.ts'
import { answerRaw, failure, setScene } from './scene.ts'

const broker = useBroker()
const FITS = '{"quotient":1,"note":"n"}'

describe('what a caller is answered', () => {
  test.each<[string, string | Uint8Array, string | undefined]>([
    ['nothing at all', '', undefined],
    ['no JSON', '{"quotient":', undefined],
    ['no text', Buffer.from([0xff, 0xfe]), undefined],
    ['another shape', '{"quotient":"1"}', undefined],
    ['too much', JSON.stringify({ quotient: 1, note: 'x'.repeat(100_000) }), undefined],
    ['an error that is not declared', '{}', 'NATS/1.0\r\nContract-Error: other\r\n\r\n'],
    ['an error that every object has', '{}', 'NATS/1.0\r\nContract-Error: constructor\r\n\r\n'],
    ['an error without its detail', '{}', 'NATS/1.0\r\nContract-Error: division_by_zero\r\n\r\n'],
    ['an error of endless length', '{}', `NATS/1.0\r\nContract-Error: ${'x'.repeat(50_000)}\r\n\r\n`],
    ['another status', '', 'NATS/1.0 404 Not Found\r\n\r\n'],
  ])('%s is an invalid response', async (_, body, headerBlock) => {
    const { requester, division } = await setScene(broker.current)
    await answerRaw(await open(broker.current), division, (publish) => publish(body, headerBlock))
    const error = await failure(requester.request(division, { a: 1, b: 1 }))
    expect(error.code).toBe(KitErrorCode.InvalidResponse)
    expect(error.message.length).toBeLessThan(1_000)
  })

  test.each([
    ['names with blanks', 'NATS/1.0\r\nX Y: 1\r\n\r\n'],
    ['values without end', `NATS/1.0\r\nX: ${'y'.repeat(50_000)}\r\n\r\n`],
    ['a line without a colon', 'NATS/1.0\r\nnothing\r\n\r\n'],
  ])('with headers of %s is taken all the same', async (_, headerBlock) => {
    const { requester, division } = await setScene(broker.current)
    await answerRaw(await open(broker.current), division, (publish) => publish(FITS, headerBlock))
    expect(await requester.request(division, { a: 1, b: 1 })).toEqual({ quotient: 1, note: 'n' })
  })

  test('twice, or after the time, is passed over', async () => {
    const { requester, division, asker } = await setScene(broker.current)
    const late: (() => void)[] = []
    await answerRaw(await open(broker.current), division, (publish) => {
      if (late.length === 0) return void late.push(() => publish(FITS))
      publish(FITS)
      publish('{"quotient":2,"note":"again"}')
      return undefined
    })
    expect((await failure(requester.request(division, { a: 1, b: 1 }, { timeoutMs: 50 }))).code).toBe(
      KitErrorCode.Timeout,
    )
    late[0]?.()
    const answers = await Promise.all([1, 2, 3].map(() => requester.request(division, { a: 1, b: 1 })))
    expect(answers).toEqual([1, 2, 3].map(() => ({ quotient: 1, note: 'n' })))
    expect(asker.logs.lines.filter(({ fields }) => fields['event'] === 'messageUnreadable')).toEqual([])
  })

  test('by a client that guesses is ignored', async () => {
    const { requester, division, asker } = await setScene(broker.current)
    const other = await open(broker.current)
    let inbox = ''
    other.client.subscribe(division.subject, {
      callback: (_, message) => {
        inbox = message.reply ?? ''
        const [, prefix = ''] = /^(.*\.)[^.]+$/.exec(inbox) ?? []
        for (const token of ['', 'x', '0', '0-1', '-1', '1-0', 'constructor', '__proto__', 'NaN-0'])
          other.client.publish(`${prefix}${token || 'y'}`, FITS)
        message.respond('{"quotient":9,"note":"mine"}')
      },
    })
    await other.client.flush()
    expect(await requester.request(division, { a: 1, b: 1 })).toMatchObject({ quotient: 9 })
    expect(inbox).toContain(asker.inboxPrefix)
  })
})

describe('what a responder is asked', () => {
  const FITS_INPUT = '{"a":1,"b":1}'

  test.each<[string, string | Uint8Array, string | undefined]>([
    ['nothing at all', '', undefined],
    ['no JSON', '[', undefined],
    ['no text', Buffer.from([0xff]), undefined],
    ['another shape', '{"a":"1","b":1}', undefined],
    ['too much', JSON.stringify({ a: 1, b: 1, note: 'x'.repeat(100_000) }), undefined],
  ])('%s is answered as invalid, and no handler sees it', async (_, body, headerBlock) => {
    const { division, answer } = await setScene(broker.current)
    let handled = 0
    await answer(({ a, note }) => {
      handled++
      return { quotient: a, note }
    })
    const { client } = await open(broker.current)
    const answered = await client.request(division.subject, body, { timeout: 20_000, ...encoded(headerBlock) })
    expect(answered.headers?.get('Contract-Error')).toBe('invalid_request')
    expect(answered.data).toHaveLength(0)
    expect(handled).toBe(0)
  })

  test.each([
    ['no header', undefined],
    ['names with blanks', 'NATS/1.0\r\nX Y: 1\r\n\r\n'],
    ['a timeout that is none', 'NATS/1.0\r\nContract-Timeout-Ms: -1e9\r\n\r\n'],
    ['a timeout past all bounds', 'NATS/1.0\r\nContract-Timeout-Ms: 999999999999999999999\r\n\r\n'],
  ])('with %s is answered, within the request’s own time', async (_, headerBlock) => {
    const { division, answer } = await setScene(broker.current)
    let remainingMs = Infinity
    await answer(({ a, note }, context) => {
      remainingMs = context.remainingMs
      return { quotient: a, note }
    })
    const { client } = await open(broker.current)
    const answered = await client.request(division.subject, FITS_INPUT, { timeout: 20_000, ...encoded(headerBlock) })
    expect(answered.json()).toEqual({ quotient: 1, note: 'none' })
    expect(remainingMs).toBeLessThanOrEqual(division.timeoutMs)
  })

  test('for the longest time is bounded', async () => {
    const { division, answer } = await setScene(broker.current)
    let remainingMs = Infinity
    await answer(({ a, note }, context) => {
      remainingMs = context.remainingMs
      return { quotient: a, note }
    })
    const { client } = await open(broker.current)
    const block = 'NATS/1.0\r\nContract-Timeout-Ms: 999999999\r\n\r\n'
    await client.request(division.subject, FITS_INPUT, { timeout: 20_000, ...encoded(block) })
    expect(remainingMs).toBeLessThanOrEqual(60_000)
  })

  test.each(['', 'alarm.to.bot', '$JS.API.STREAM.DELETE.S', 'core.alarm'])(
    'to answer on %j is passed over: it writes nowhere but to inboxes',
    async (reply) => {
      const { requester, division, answer } = await setScene(broker.current)
      let handled = 0
      const { connection } = await answer(({ a, note }) => {
        handled++
        return { quotient: a, note }
      })
      const { client } = await open(broker.current)
      const heard: string[] = []
      client.subscribe(reply || 'nothing', { callback: (_, { subject }) => void heard.push(subject) })
      client.publish(division.subject, FITS_INPUT, reply === '' ? {} : { reply })
      await client.flush()
      await waitFor(() => connection.logs.lines.some(({ fields }) => fields['kind'] === 'no_inbox'), {
        what: 'the request to be refused',
      })
      expect(await requester.request(division, { a: 1, b: 1 })).toMatchObject({ quotient: 1 })
      expect(handled).toBe(1)
      expect(heard).toEqual([])
    },
  )

  test('a thousand times in vain is one line in the log', async () => {
    const { requester, division, answer } = await setScene(broker.current)
    const { connection } = await answer(({ a, note }) => ({ quotient: a, note }))
    const { client } = await open(broker.current)
    for (let i = 0; i < 1_000; i++) client.publish(division.subject, '[', { reply: '_INBOX.x' })
    await client.flush()
    await requester.request(division, { a: 1, b: 1 })
    expect(connection.logs.lines.filter(({ fields }) => fields['event'] === 'requestRefused')).toHaveLength(1)
  })

  function encoded(headerBlock: string | undefined) {
    return headerBlock === undefined ? {} : { headers: { encode: () => Buffer.from(headerBlock) } as never }
  }
})

test('a handler that never ends loses its place, and its late answer goes nowhere', async () => {
  const { requester, division, answer } = await setScene(broker.current)
  let end: ((response: { quotient: number; note: string }) => void) | undefined
  const { connection } = await answer(
    ({ a, note }) => (a === 0 ? new Promise((resolve) => (end = resolve)) : { quotient: a, note }),
    { concurrency: 1, maxWaiting: 0 },
  )
  expect((await failure(requester.request(division, { a: 0, b: 1 }, { timeoutMs: 100 }))).code).toBe(
    KitErrorCode.Timeout,
  )
  const full = await failure(requester.request(division, { a: 1, b: 1 }))
  expect(remoteErrorOf(division, full)?.code).toBe('overloaded')
  await waitFor(() => connection.logs.lines.some(({ fields }) => fields['event'] === 'responderHung'), {
    what: 'the place to be taken back',
    deadlineMs: 30_000,
  })
  expect(await requester.request(division, { a: 1, b: 1 })).toMatchObject({ quotient: 1 })
  end?.({ quotient: 0, note: '' })
  expect(await requester.request(division, { a: 2, b: 1 })).toMatchObject({ quotient: 2 })
}, 60_000)
