/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

type Random = () => number

export interface GeneratedRequest {
  readonly bytes: Buffer
  /** Its end is missing, so that the server waits for more. */
  readonly isCutOff: boolean
}

const METHODS = ['POST', 'GET', 'PUT', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH', 'TRACE', 'BREW', 'post']
const GOOD_PATHS = [
  '/channels/alarm-to-bot/messages',
  '/channels/alarm-to-log/messages',
  '/channels/alarm-to-log/messages:batch',
]
const PATHS = [
  '/channels',
  '/channels/nope/messages',
  '/channels/nope/messages:batch',
  '/channels/%00/messages',
  '/channels/%zz/messages',
  '/channels/../../etc/passwd/messages',
  '/livez',
  '/readyz',
  '/docs',
  '/docs/static/%2e%2e/%2e%2e/package.json',
  '/openapi.json',
  '//',
  '*',
  '/__proto__',
]
const QUERIES = [
  '',
  '?ttlSeconds=60',
  '?ttlSeconds=-1',
  '?ttlSeconds=1&ttlSeconds=2',
  '?__proto__=1',
  '?%zz',
  '?a[b]=c',
]
const BATCH_TYPES = ['application/x-ndjson', 'application/json']
const TYPES = [
  'application/json; charset=utf-8',
  'text/plain',
  'application/json; charset=utf-16',
  'application/',
  ';',
  '',
]
const HEADERS = [
  'Idempotency-Key: key-1',
  'Idempotency-Key: ',
  `Idempotency-Key: ${'k'.repeat(200)}`,
  'Idempotency-Key: \u00e9\u00ff',
  'X-Request-Id: mine-1',
  'X-Request-Id: \u0001',
  'Authorization: Bearer abk_somebody_x',
  'Authorization: Basic',
  'Origin: https://elsewhere.example',
  'Accept-Encoding: gzip, br',
  'Content-Encoding: gzip',
  'Expect: 100-continue',
  'Expect: something',
  'Connection: upgrade',
  'Upgrade: h2c',
  'If-None-Match: "x"',
  'Cookie: a=b',
  'Broken header',
  'Bad\u0000Name: x',
  ': nameless',
  `X-Large: ${'x'.repeat(17_000)}`,
  'Content-Length: 3',
  'Content-Length: -1',
  'Transfer-Encoding: gzip',
]
const GOOD_BODIES = ['{"message":"a"}', '[{"message":"a"},{"message":"b"}]', '{"message":"a"}\n{"message":"b"}\n']
const BODIES = [
  '{"message":""}',
  '{"message":1}',
  '{"message":"a","__proto__":{"x":1}}',
  '{"message":"a","constructor":{"prototype":1}}',
  '{"message":"\\ud800"}',
  '{"message":"\\u0000"}',
  '{"message":"a"',
  '[{"message":"1"},{"message":"2"}]',
  '[{"message":"1"},{"message":',
  '[[[[',
  '{"message":"1"}\n{"message":2}\n{"mess\n{"message":"3"}\n',
  '\n\n\n',
  'null',
  '1e999',
  '',
]

/** One request, most of them near to a good one, with its framing right, wrong or cut off. */
export function generateRequest(random: Random): GeneratedRequest {
  const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T
  const chance = (share: number): boolean => random() < share
  // The first of each is what a good request has.
  const mostly = <T>(choices: readonly T[]): T => (chance(0.7) ? (choices[0] as T) : pick(choices))
  const body = chance(0.3) ? Buffer.from(pick(GOOD_BODIES)) : bodyOf(random, pick)
  const path = chance(0.02) ? noise(random, 40) : mostly([pick(GOOD_PATHS), ...PATHS])
  const head = [`${mostly(METHODS)} ${path}${mostly(QUERIES)} HTTP/1.1`, 'Host: test']
  if (!chance(0.01)) head.push('Connection: close')
  if (!chance(0.03))
    head.push(`Content-Type: ${mostly([path.endsWith('batch') ? pick(BATCH_TYPES) : 'application/json', ...TYPES])}`)
  while (chance(0.2)) head.push(pick(HEADERS))
  const framed = frame(body, random, chance, head)
  let bytes: Buffer = Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), framed])
  if (chance(0.03)) bytes = flipped(bytes, random)
  if (chance(0.01)) bytes = Buffer.from(noise(random, 200), 'latin1')
  const isCutOff = chance(0.07)
  if (isCutOff) bytes = bytes.subarray(0, Math.floor(random() * bytes.length))
  return { bytes, isCutOff }
}

function bodyOf(random: Random, pick: <T>(choices: readonly T[]) => T): Buffer {
  const kind = random()
  if (kind < 0.8) return Buffer.from(pick(BODIES))
  if (kind < 0.85) return Buffer.from(noise(random, 300), 'latin1')
  if (kind < 0.9) return Buffer.from('['.repeat(1 + Math.floor(random() * 20_000)))
  if (kind < 0.94) return Buffer.from(`{"message":"${'x'.repeat(Math.floor(random() * 70_000))}"}`)
  if (kind < 0.97) return Buffer.from('{"message":"\xff\xc3("}', 'latin1')
  return Buffer.from(`{${Array.from({ length: 1_000 }, (_, n) => `"f${n}":1`).join(',')}}`)
}

/** Adds the header that says how long the body is, or says it wrong. */
function frame(body: Buffer, random: Random, chance: (share: number) => boolean, head: string[]): Buffer {
  if (chance(0.7)) {
    head.push(`Content-Length: ${body.length + (chance(0.03) ? Math.floor(random() * 20) - 10 : 0)}`)
    return body
  }
  head.push('Transfer-Encoding: chunked')
  const chunks: Buffer[] = []
  for (let start = 0; start < body.length;) {
    const part = body.subarray(start, start + 1 + Math.floor(random() * Math.max(1, body.length / 2)))
    start += part.length
    const size = chance(0.03) ? 'xyz' : part.length.toString(16)
    chunks.push(Buffer.from(`${size}\r\n`), part, Buffer.from(chance(0.02) ? '\n' : '\r\n'))
  }
  if (!chance(0.02)) chunks.push(Buffer.from('0\r\n\r\n'))
  return Buffer.concat(chunks)
}

function noise(random: Random, most: number): string {
  return String.fromCharCode(
    ...Array.from({ length: 1 + Math.floor(random() * most) }, () => Math.floor(random() * 256)),
  )
}

function flipped(bytes: Buffer, random: Random): Buffer {
  const copy = Buffer.from(bytes)
  for (let n = 0; n < 3; n++) copy[Math.floor(random() * copy.length)] = Math.floor(random() * 256)
  return copy
}
