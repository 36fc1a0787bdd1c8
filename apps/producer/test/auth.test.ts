import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeKey } from './make-key.ts'
import { type Answer, get, post, type Stack, startProducer, startStack } from './stack.ts'

const folder = mkdtempSync(join(tmpdir(), 'producer-auth-'))
const keysFile = join(folder, 'keys.json')
const jwtKeyFile = join(folder, 'jwt.pem')
const JWT = {
  PRODUCER_JWT_KEY_FILE: jwtKeyFile,
  PRODUCER_JWT_ALG: 'ES256',
  PRODUCER_JWT_ISSUER: 'https://login.example',
  PRODUCER_JWT_AUDIENCE: 'alarm-bus',
}
const issuer = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })

let stack: Stack
let url: string
const keys: Record<'all' | 'logOnly' | 'slow', string> = { all: '', logOnly: '', slow: '' }

beforeAll(async () => {
  const [all, logOnly, slow] = await Promise.all([
    makeKey('billing', '--all'),
    makeKey('backup', 'alarm-to-log'),
    makeKey('slow', '--all'),
  ])
  Object.assign(keys, { all: all.key, logOnly: logOnly.key, slow: slow.key })
  writeFileSync(
    keysFile,
    JSON.stringify({ clients: [all.client, logOnly.client, { ...slow.client, ratePerMinute: 3 }] }),
  )
  writeFileSync(jwtKeyFile, issuer.publicKey.export({ type: 'spki', format: 'pem' }))
  stack = await startStack({ PRODUCER_API_KEYS_FILE: keysFile, LOG_LEVEL: 'debug', ...JWT })
  url = stack.url
})
afterAll(async () => {
  await stack[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const send = (
  authorization: string | undefined,
  channel = 'alarm-to-bot',
  extra = {},
  message = 'a',
): Promise<Answer> =>
  post(url, {
    channel,
    headers: { ...(authorization !== undefined && { authorization }), ...extra },
    body: { message },
  })

const bearer = (credentials: string): string => `Bearer ${credentials}`

interface TokenOptions {
  readonly claims?: object
  readonly key?: KeyObject
  readonly alg?: string
  readonly iss?: string
  readonly aud?: string
  readonly expires?: string | null
}

async function token(options: TokenOptions = {}): Promise<string> {
  const { claims, key = issuer.privateKey, alg = 'ES256', iss = JWT.PRODUCER_JWT_ISSUER, aud = 'alarm-bus' } = options
  const jwt = new SignJWT({ sub: 'service-7', channels: ['alarm-to-bot'], ...claims })
    .setProtectedHeader({ alg })
    .setIssuer(iss)
    .setAudience(aud)
  if (options.expires !== null) jwt.setExpirationTime(options.expires ?? '1m')
  return jwt.sign(key)
}

describe('API keys', () => {
  test('a key publishes on its channels, and on no other', async () => {
    expect((await send(bearer(keys.all))).status).toBe(202)
    expect((await send(bearer(keys.all), 'alarm-to-log')).status).toBe(202)
    expect((await send(bearer(keys.logOnly), 'alarm-to-log')).status).toBe(202)
    const refused = await send(bearer(keys.logOnly))
    expect(refused.status).toBe(403)
    expect(refused.body).toMatchObject({ type: 'urn:alarm-bus:problem:channel-not-allowed', status: 403 })
    expect(refused.headers.get('www-authenticate')).toContain('error="insufficient_scope"')
  })

  test.each([
    ['none', undefined, 'Bearer realm="alarm-bus"'],
    ['another scheme', 'Basic YTpi', 'error="invalid_token"'],
    ['a key of nobody', bearer(`abk_nobody_${'A'.repeat(43)}`), 'error="invalid_token"'],
    ['a key of somebody else’s name', bearer(`abk_billing_${'A'.repeat(43)}`), 'error="invalid_token"'],
    ['something', bearer('something'), 'error="invalid_token"'],
    ['nothing', 'Bearer', 'error="invalid_token"'],
  ])('%s: 401 as a problem', async (_what, authorization, challenge) => {
    const refused = await send(authorization)
    expect(refused.status).toBe(401)
    expect(refused.headers.get('content-type')).toMatch(/^application\/problem\+json/)
    expect(refused.body).toMatchObject({ type: 'urn:alarm-bus:problem:unauthenticated', status: 401 })
    expect(refused.headers.get('www-authenticate')).toContain(challenge)
  })

  test('401 comes before anything that would tell what is there; health needs no key', async () => {
    expect((await send(undefined, 'nope')).status).toBe(401)
    expect((await get(`${url}/channels`)).status).toBe(401)
    expect((await get(`${url}/livez`)).status).toBe(200)
    expect((await get(`${url}/readyz`)).status).toBe(200)
  })

  test('the same idempotency key of another client is another message', async () => {
    const key = { 'idempotency-key': 'order-17' }
    const mine = await send(bearer(keys.all), 'alarm-to-log', key, 'mine')
    const theirs = await send(bearer(keys.logOnly), 'alarm-to-log', key, 'theirs')
    expect([mine.status, theirs.status]).toEqual([202, 202])
    expect(theirs.body['id']).not.toBe(mine.body['id'])
    expect(JSON.stringify([mine.body, theirs.body])).not.toContain('order-17')
    expect((await send(bearer(keys.all), 'alarm-to-log', key, 'mine')).body).toMatchObject({
      duplicate: true,
      seq: mine.body['seq'],
    })
    expect((await send(bearer(keys.all), 'alarm-to-log', key, 'other')).status).toBe(422)
  })

  test('a client past its rate: 429 with Retry-After; other clients go on, and a batch counts each message', async () => {
    const batch = await fetch(`${url}/channels/alarm-to-bot/messages:batch`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson', authorization: bearer(keys.slow) },
      body: '{"message":"1"}\n{"message":"2"}\n{"message":"3"}\n{"message":"4"}\n',
    })
    const lines = (await batch.text()).trim().split('\n')
    expect(lines.map((line) => JSON.parse(line)).map(({ error }) => error?.status)).toEqual([
      undefined,
      undefined,
      undefined,
      429,
    ])
    const refused = await send(bearer(keys.slow))
    expect(refused.status).toBe(429)
    expect(refused.headers.get('content-type')).toMatch(/^application\/problem\+json/)
    expect(refused.body).toMatchObject({ type: 'urn:alarm-bus:problem:rate-limited', status: 429 })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await send(bearer(keys.all))).status).toBe(202)
    expect((await get(`${url}/readyz`)).status).toBe(200)
  })
})

describe('tokens', () => {
  test('a valid one publishes on the channels of its claim', async () => {
    expect((await send(bearer(await token()))).status).toBe(202)
    expect((await send(bearer(await token()), 'alarm-to-log')).status).toBe(403)
    expect((await send(bearer(await token({ claims: { channels: '*' } })), 'alarm-to-log')).status).toBe(202)
  })

  test.each<[string, TokenOptions]>([
    ['of another key', { key: stranger.privateKey }],
    ['of another issuer', { iss: 'https://elsewhere.example' }],
    ['for somebody else', { aud: 'other' }],
    ['that is over', { expires: '1 minute ago' }],
    ['that never ends', { expires: null }],
    ['without channels', { claims: { channels: undefined } }],
    ['without a subject', { claims: { sub: undefined } }],
    ['of another algorithm', { alg: 'RS256', key: generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey }],
  ])('%s: 401', async (_what, options) => {
    expect((await send(bearer(await token(options)))).status).toBe(401)
  })

  test('unsigned: 401', async () => {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const claims = { sub: 'a', channels: '*', iss: JWT.PRODUCER_JWT_ISSUER, aud: 'alarm-bus', exp: 4e9 }
    expect((await send(bearer(`${part({ alg: 'none' })}.${part(claims)}.`))).status).toBe(401)
  })
})

test('no key and no token is in the log, whatever its level', async () => {
  await send(bearer(keys.all))
  const secret = await token({ aud: 'other' })
  await send(bearer(secret))
  await stack.producer.line('requestFinished', { matches: (line) => line['status'] === 401 })
  await stack.producer.line('clientRefused')
  const log = JSON.stringify(stack.producer.lines) + stack.producer.errorOutput
  for (const text of [...Object.values(keys), secret]) expect(log).not.toContain(text.replace(/^abk_[^_]+_/, ''))
})

describe('NODE_ENV=production', () => {
  const environment = { NODE_ENV: 'production', STREAMS: 'verify', NATS_PRODUCER_PASSWORD: 'of-nobody' }

  async function problemsOf(more: Readonly<Record<string, string>>): Promise<string> {
    await using producer = startProducer('nats://127.0.0.1:1', { ...environment, ...more })
    const line = await producer.line('badConfiguration')
    expect(await producer.exit()).toEqual({ code: 1, signal: null })
    return JSON.stringify(line['problems'])
  }

  test('without keys or tokens it does not start, and says what to set', async () => {
    const problems = await problemsOf({})
    expect(problems).toContain('PRODUCER_API_KEYS_FILE')
    expect(problems).toContain('PRODUCER_JWT_KEY_FILE')
  })

  test.each(['prod', 'Production', 'staging', ''])('NODE_ENV=%j is production as well', async (NODE_ENV) => {
    expect(await problemsOf({ NODE_ENV })).toContain('PRODUCER_API_KEYS_FILE')
  })

  test('what cannot be used is named: a key in place of a hash, a private key, half of the variables', async () => {
    const bad = join(folder, 'bad.json')
    writeFileSync(bad, JSON.stringify({ clients: [{ name: 'a', keyHashes: [keys.all], channels: '*' }] }))
    const privateKey = join(folder, 'private.pem')
    writeFileSync(privateKey, issuer.privateKey.export({ type: 'pkcs8', format: 'pem' }))
    const problems = await problemsOf({ PRODUCER_API_KEYS_FILE: bad, PRODUCER_JWT_KEY_FILE: privateKey })
    expect(problems).toContain('clients.0.keyHashes.0')
    expect(problems).toContain('give the public one')
    expect(problems).toContain('PRODUCER_JWT_AUDIENCE')
    expect(problems).not.toContain(keys.all)
  })

  test('with keys it starts; documents are off, and a variable turns them on', async () => {
    const withKeys = { ...environment, PRODUCER_API_KEYS_FILE: keysFile }
    await using closed = startProducer('nats://127.0.0.1:1', withKeys)
    await using open = startProducer('nats://127.0.0.1:1', { ...withKeys, PRODUCER_DOCS: 'on' })
    const [closedUrl, openUrl] = [await closed.url(), await open.url()]
    for (const path of ['/docs', '/openapi.json', '/asyncapi.json', '/asyncapi.yaml', '/docs/events']) {
      expect([path, (await fetch(`${closedUrl}${path}`)).status]).toEqual([path, 404])
      expect([path, (await fetch(`${openUrl}${path}`)).status]).toEqual([path, 200])
    }
  })
})
