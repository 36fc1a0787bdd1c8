import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rawPublish, sendRaw } from './raw-http.ts'
import { type Answer, get, post, type Stack, startStack } from './stack.ts'

let stack: Stack
let url: string

beforeAll(async () => {
  stack = await startStack()
  url = stack.url
})
afterAll(async () => stack[Symbol.asyncDispose]())

function expectProblem(answer: Answer, status: number, slug: string): void {
  expect(answer.body).toMatchObject({ status, type: `urn:alarm-bus:problem:${slug}` })
  expect(answer.status).toBe(status)
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
  const requestId = answer.headers.get('x-request-id')
  expect(requestId).toMatch(/^[\w-]{36}$/)
  expect(answer.body['instance']).toBe(`urn:alarm-bus:request:${requestId}`)
  for (const member of ['title', 'detail']) expect(answer.body[member]).toEqual(expect.any(String))
  expect(JSON.stringify(answer.body)).not.toMatch(/node_modules|\.ts:|at async/)
}

describe('a message is stored', () => {
  test('202 with the receipt, sequences growing', async () => {
    const first = await post(url, { body: { message: 'one' } })
    const second = await post(url, { channel: 'alarm-to-log', body: { message: 'two', extra: 'more' } })
    expect(first.status).toBe(202)
    expect(first.body).toEqual({
      id: expect.stringMatching(/^[\w-]{36}$/),
      stream: 'BASQUIAT_STREAM',
      seq: expect.any(Number),
      duplicate: false,
    })
    expect(second.status).toBe(202)
    expect(second.body['seq']).toBe(Number(first.body['seq']) + 1)
  })

  test('longest message and longest TTL are taken', async () => {
    const answer = await post(url, { query: '?ttlSeconds=604800', body: { message: 'x'.repeat(4_000) } })
    expect(answer.status).toBe(202)
  })

  test('a caller’s request id is kept', async () => {
    const answer = await post(url, { headers: { 'x-request-id': 'from-caller-1' }, body: { message: 'id' } })
    expect(answer.headers.get('x-request-id')).toBe('from-caller-1')
  })
})

describe('bodies that are not messages: 400 with each issue and its path', () => {
  test.each([
    ['not JSON', '{', '', 'not_json'],
    ['nothing', '', '', 'not_json'],
    ['no body at all', undefined, '', 'not_json'],
    ['not UTF-8', Buffer.from('{"message":"\xff"}', 'latin1'), '', 'not_json'],
    ['not an object', '"text"', '', 'invalid_type'],
    ['null', 'null', '', 'invalid_type'],
    ['no message', {}, '/message', 'invalid_type'],
    ['a number for a text', { message: 1 }, '/message', 'invalid_type'],
    ['an empty text', { message: '' }, '/message', 'too_small'],
    ['a text over its bound', { message: 'x'.repeat(4_001) }, '/message', 'too_big'],
    ['an unknown field', { message: 'a', sender: 'me' }, '/sender', 'unrecognized_key'],
    ['an unknown field with a slash', { message: 'a', 'a/b~c': 1 }, '/a~1b~0c', 'unrecognized_key'],
    ['__proto__', '{"message":"a","__proto__":{"x":1}}', '/__proto__', 'unrecognized_key'],
  ])('%s', async (_what, body, path, code) => {
    const answer = await post(url, { body })
    expectProblem(answer, 400, 'invalid-request')
    expect(answer.body.errors).toEqual([expect.objectContaining({ in: 'body', path, code })])
  })

  test('every issue is listed', async () => {
    const answer = await post(url, { channel: 'alarm-to-log', body: { message: 1, extra: 2 } })
    expectProblem(answer, 400, 'invalid-request')
    expect(answer.body.errors?.map(({ path }) => path)).toEqual(['/message', '/extra'])
  })

  test('no body and no content type', async () => {
    const response = await sendRaw(
      url,
      'POST /channels/alarm-to-bot/messages HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
    )
    expect(response.status).toBe(400)
    expect(JSON.parse(response.body)).toMatchObject({ errors: [{ in: 'body', path: '' }] })
  })
})

describe('what is not there: 404', () => {
  test.each(['nope', 'alarm.to.bot', 'ALARM-TO-BOT', 'x'.repeat(3_000), '%20'])(
    'channel %s, naming those that exist',
    async (channel) => {
      const answer = await post(url, { channel, headers: { 'content-type': 'text/plain' }, body: 'anything' })
      expectProblem(answer, 404, 'unknown-channel')
      expect(answer.body['channels']).toEqual(['alarm-to-bot', 'alarm-to-log'])
      expect(answer.body.detail).toContain('alarm-to-bot, alarm-to-log')
    },
  )

  test('another path, another method', async () => {
    expectProblem(await get(`${url}/nope`), 404, 'no-such-route')
    expectProblem(await get(`${url}/channels/alarm-to-bot/messages`), 404, 'no-such-route')
  })

  test('a path that cannot be decoded is 400', async () => {
    expectProblem(await post(url, { channel: '%zz', body: {} }), 400, 'bad-request')
  })
})

describe('content types and sizes', () => {
  test.each([
    'text/plain',
    'application/xml',
    'application/jsonx',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
  ])('%s: 415', async (type) => {
    expectProblem(
      await post(url, { headers: { 'content-type': type }, body: '{"message":"a"}' }),
      415,
      'unsupported-media-type',
    )
  })

  test('application/json with a charset is JSON', async () => {
    const answer = await post(url, {
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: '{"message":"a"}',
    })
    expect(answer.status).toBe(202)
  })

  test('one byte over the limit: 413; at the limit the schema decides', async () => {
    const ofBytes = (bytes: number): string => `{"message":"a"}${' '.repeat(bytes - 15)}`
    expect((await post(url, { body: ofBytes(65_536) })).status).toBe(202)
    expectProblem(await post(url, { body: ofBytes(65_537) }), 413, 'message-too-large')
  })
})

describe('ttlSeconds: 400 unless whole seconds within the stream’s age', () => {
  test.each(['0', '-1', '1.5', 'abc', '', '1e3', '0x10', '%205', '604801', '99999999999999999999', '1&ttlSeconds=2'])(
    '%s',
    async (value) => {
      const answer = await post(url, { query: `?ttlSeconds=${value}`, body: { message: 'a' } })
      expectProblem(answer, 400, 'invalid-request')
      expect(answer.body.errors).toEqual([expect.objectContaining({ in: 'query', path: '/ttlSeconds' })])
    },
  )

  test('a misspelt parameter', async () => {
    const answer = await post(url, { query: '?ttl=5', body: { message: 'a' } })
    expectProblem(answer, 400, 'invalid-request')
    expect(answer.body.errors).toEqual([
      expect.objectContaining({ in: 'query', path: '/ttl', code: 'unrecognized_key' }),
    ])
  })
})

describe('Idempotency-Key', () => {
  const withKey = (key: string, message: string, query = ''): Promise<Answer> =>
    post(url, { query, headers: { 'idempotency-key': key }, body: { message } })

  test('128 characters are a key, 129 are 400', async () => {
    expect((await withKey('k'.repeat(128), 'a')).status).toBe(202)
    expectProblem(await withKey('k'.repeat(129), 'a'), 400, 'invalid-request')
  })

  test.each([
    ['empty', 'Idempotency-Key:'],
    ['blank', 'Idempotency-Key:   '],
    ['tab', 'Idempotency-Key: a\tb'],
    ['SOH', 'Idempotency-Key: a\u0001b'],
    ['NUL', 'Idempotency-Key: a\u0000b'],
    ['DEL', 'Idempotency-Key: a\u007fb'],
    ['line feed', 'Idempotency-Key: a\nb'],
    ['Korean in UTF-8', `Idempotency-Key: ${Buffer.from('주문-1').toString('latin1')}`],
    ['a letter of Latin-1', 'Idempotency-Key: caf\u00e9'],
    ['a control character of Latin-1', 'Idempotency-Key: a\u0085b'],
  ])('%s: 400 as a problem', async (_what, line) => {
    const answer = await sendRaw(url, rawPublish(line, '{"message":"a"}'))
    expect(answer.status).toBe(400)
    expect(answer.head).toMatch(/content-type: application\/problem\+json/i)
    expect(JSON.parse(answer.body)).toMatchObject({
      status: 400,
      title: expect.any(String),
      instance: expect.any(String),
    })
  })

  test('a key that is not ASCII: the issue says which characters a key may have', async () => {
    const answer = await withKey('caf\u00e9', 'a')
    expectProblem(answer, 400, 'invalid-request')
    expect(answer.body.errors).toEqual([
      {
        in: 'header',
        path: '/idempotency-key',
        code: 'invalid_value',
        message: expect.stringContaining('ASCII'),
      },
    ])
  })

  test('a key that reads like the id of a batch’s element is another message', async () => {
    const batch = await post(url, {
      query: ':batch',
      headers: { 'idempotency-key': 'k', 'content-type': 'application/json' },
      body: [{ message: 'of the batch' }],
    })
    expect([batch.body['index'], batch.body['duplicate']]).toEqual([0, false])
    for (const key of ['k:0', 'k']) {
      const alone = await withKey(key, `under ${key}`)
      expect([alone.status, alone.body['duplicate'], alone.body['id']]).toEqual([202, false, key])
    }
  })

  test('same key, same message: 202, duplicate, same sequence', async () => {
    const first = await withKey('again', 'same')
    const second = await withKey('again', 'same')
    expect([first.status, first.body['duplicate']]).toEqual([202, false])
    expect([second.status, second.body['duplicate']]).toEqual([202, true])
    expect(second.body['seq']).toBe(first.body['seq'])
  })

  test('same key, fields in another order: still the same message', async () => {
    const send = (body: string): Promise<Answer> =>
      post(url, { channel: 'alarm-to-log', headers: { 'idempotency-key': 'order' }, body })
    expect((await send('{"message":"a","extra":"b"}')).body['duplicate']).toBe(false)
    expect((await send('{ "extra": "b", "message": "a" }')).body['duplicate']).toBe(true)
  })

  test('same key, another body, channel or TTL: 422', async () => {
    const first = await withKey('taken', 'one')
    expectProblem(await withKey('taken', 'two'), 422, 'idempotency-conflict')
    expectProblem(await withKey('taken', 'one', '?ttlSeconds=5'), 422, 'idempotency-conflict')
    expectProblem(
      await post(url, { channel: 'alarm-to-log', headers: { 'idempotency-key': 'taken' }, body: { message: 'one' } }),
      422,
      'idempotency-conflict',
    )
    expect((await withKey('taken', 'one')).body['seq']).toBe(first.body['seq'])
  })

  test('20 at once under one key: one is stored', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => withKey('race', 'same')))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]))
    expect(new Set(answers.map(({ body }) => body['seq'])).size).toBe(1)
    expect(answers.filter(({ body }) => body['duplicate'] === false)).toHaveLength(1)
  })
})

test('a query of thousands of unknown parameters is answered with a hundred issues', async () => {
  const query = `?${Array.from({ length: 2_000 }, (_, index) => `a${index}`).join('&')}`
  const answer = await post(url, { query, body: { message: 'a' } })
  expectProblem(answer, 400, 'invalid-request')
  expect(answer.body.errors).toHaveLength(100)
})

test('malformed HTTP is answered with a problem too', async () => {
  const answer = await sendRaw(url, 'NOT HTTP AT ALL\r\n\r\n')
  expect(answer.status).toBe(400)
  expect(JSON.parse(answer.body)).toMatchObject({ type: 'urn:alarm-bus:problem:malformed-http', status: 400 })
  const large = await sendRaw(url, rawPublish(`X-Large: ${'x'.repeat(20_000)}`, ''))
  expect(large.status).toBe(431)
})
