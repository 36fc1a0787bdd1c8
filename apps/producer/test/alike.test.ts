import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Stack, startStack } from './stack.ts'

let stack: Stack
beforeAll(async () => {
  stack = await startStack()
})
afterAll(async () => stack[Symbol.asyncDispose]())

async function send(path: string, type: string, body: Buffer): Promise<Response> {
  return fetch(`${stack.url}/channels/alarm-to-log/${path}`, {
    method: 'POST',
    headers: { 'content-type': type },
    body: body as unknown as string,
  })
}

/** What became of each message: 202 or the status of its error; of a batch that was refused its own. */
async function batch(type: string, body: Buffer): Promise<readonly number[]> {
  const response = await send('messages:batch', type, body)
  const text = await response.text()
  if (response.status !== 200) return [response.status]
  const lines = text.split('\n').filter(Boolean)
  return lines.map((line) => (JSON.parse(line) as { error?: { status: number } }).error?.status ?? 202)
}

const single = async (type: string, body: Buffer) => [(await send('messages', type, body)).status]

const MARK = Buffer.from([0xef, 0xbb, 0xbf])
const bytesOf = (...parts: (string | Buffer)[]): Buffer => Buffer.concat(parts.map((part) => Buffer.from(part)))

test.each<[string, Buffer]>([
  ['plain', bytesOf('{"message":"a"}')],
  ['Korean and an emoji', bytesOf('{"message":"온도 🚨"}')],
  ['blanks around it', bytesOf(' \t{ "message" : "a" } \t')],
  ['a no-break space before it', bytesOf('\u00a0{"message":"a"}')],
  ['a byte that is not UTF-8', bytesOf('{"message":"', Buffer.from([0xff]), '"}')],
  ['a character cut off', bytesOf('{"message":"', Buffer.from([0xed, 0x95]), '"}')],
  ['half of a surrogate pair in UTF-8', bytesOf('{"message":"', Buffer.from([0xed, 0xa0, 0x80]), '"}')],
  ['an overlong encoding', bytesOf('{"message":"', Buffer.from([0xc0, 0xaf]), '"}')],
  ['half of a surrogate pair as an escape', bytesOf('{"message":"\\ud800"}')],
  ['a control character as it is', bytesOf('{"message":"a\tb"}')],
  ['an escape that is none', bytesOf('{"message":"\\x41"}')],
  ['a field twice', bytesOf('{"message":1,"message":"a"}')],
  ['a number with a leading zero', bytesOf('{"message":01}')],
  ['a comma too many', bytesOf('{"message":"a",}')],
  ['brackets that do not match', bytesOf('{"message":["a"}')],
  ['a text for an object', bytesOf('"a"')],
  ['a number', bytesOf('17')],
  ['deep', bytesOf(`{"message":${'['.repeat(3_000)}${']'.repeat(3_000)}}`)],
])('%s: read alike alone, as a line and as an element', async (_what, message) => {
  const expected = await single('application/json', message)
  expect(await batch('application/x-ndjson', bytesOf(message, '\n'))).toEqual(expected)
  expect(await batch('application/json', bytesOf('[', message, ']'))).toEqual(expected)
})

test.each([
  ['a single body', 'messages', 'application/json', '{"message":"a"}', [202]],
  ['NDJSON', 'messages:batch', 'application/x-ndjson', '{"message":"a"}\n{"message":"b"}', [202, 202]],
  ['an array', 'messages:batch', 'application/json', '[{"message":"a"},{"message":"b"}]', [202, 202]],
])('%s may begin with a byte order mark, and with one only', async (_what, path, type, body, expected) => {
  const take = path === 'messages' ? single : batch
  expect(await take(type, bytesOf(MARK, body))).toEqual(expected)
  expect((await take(type, bytesOf(MARK, MARK, body)))[0]).toBe(400)
})

test.each([
  ['messages', 'Application/JSON', '{"message":"a"}', [202]],
  ['messages', 'APPLICATION/JSON ; Charset=UTF-8', '{"message":"a"}', [202]],
  ['messages:batch', 'Application/X-NDJSON', '{"message":"a"}\n{"message":"b"}', [202, 202]],
  ['messages:batch', 'application/x-NDJSON;charset=utf-8', '{"message":"a"}\n{"message":"b"}', [202, 202]],
  ['messages:batch', 'Application/Json; charset="utf-8"', '[{"message":"a"}]', [202]],
])('%s takes %s: media types are alike in any case', async (path, type, body, expected) => {
  expect(await (path === 'messages' ? single : batch)(type, Buffer.from(body))).toEqual(expected)
})
