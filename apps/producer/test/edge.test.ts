import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { get, post, type Stack, startStack, waitFor } from './stack.ts'

const ORIGIN = 'https://alarms.example'

let stack: Stack
let url: string

beforeAll(async () => {
  stack = await startStack({ PRODUCER_CORS_ORIGINS: ORIGIN, PRODUCER_MAX_CONNECTIONS: '20' })
  url = stack.url
})
afterAll(async () => stack[Symbol.asyncDispose]())

test('every answer carries the security headers, and pages keep policies of their own', async () => {
  for (const path of ['/livez', '/channels', '/nope']) {
    const { headers } = await get(`${url}${path}`)
    expect(headers.get('content-security-policy')).toBe("default-src 'none';frame-ancestors 'none'")
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('x-frame-options')).toBe('DENY')
    expect(headers.get('strict-transport-security')).toContain('max-age=')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
  }
  const docs = await fetch(`${url}/docs`)
  expect(docs.headers.get('content-security-policy')).toContain("script-src 'self'")
  const events = await fetch(`${url}/docs/events`)
  expect(events.headers.get('content-security-policy')).toContain("style-src 'sha256-")
})

test('pages of other origins may not call; those that are named may', async () => {
  const ask = async (origin: string) => {
    const response = await fetch(`${url}/channels/alarm-to-bot/messages`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    })
    return response.headers.get('access-control-allow-origin')
  }
  expect(await ask(ORIGIN)).toBe(ORIGIN)
  expect(await ask('https://elsewhere.example')).toBeNull()
})

test('connections beyond the most are closed at once, and there is room again when others end', async () => {
  const { hostname, port } = new URL(url)
  const open = () => {
    const socket = connect({ host: hostname, port: Number(port) })
    const state = { socket, closed: false }
    socket.on('error', () => undefined).on('close', () => (state.closed = true))
    return state
  }
  const many = Array.from({ length: 60 }, open)
  try {
    await waitFor(() => many.filter(({ closed }) => closed).length >= 40, { what: '40 of 60 are closed' })
  } finally {
    for (const { socket } of many) socket.destroy()
  }
  const answer = await waitFor(async () => get(`${url}/livez`).catch(() => undefined), { what: 'room again' })
  expect(answer.status).toBe(200)
})

test('an event loop that is behind: 503 with Retry-After, health goes on, and it passes', async () => {
  await using slow = await startStack({ PRODUCER_MAX_EVENT_LOOP_DELAY_MS: '30' })
  expect((await post(slow.url, { body: { message: 'before' } })).status).toBeDefined()
  let behind = true
  // Stopped and let go again: to the process it is as if something had blocked its loop.
  const stutter = (async () => {
    while (behind) {
      slow.producer.signal('SIGSTOP')
      await sleep(150)
      slow.producer.signal('SIGCONT')
      await sleep(15)
    }
  })()
  try {
    const shed = await waitFor(
      async () => {
        const answer = await post(slow.url, { body: { message: 'during' } })
        return answer.status === 503 ? answer : undefined
      },
      { what: 'load is shed', deadlineMs: 60_000 },
    )
    expect(shed.body).toMatchObject({ type: 'urn:alarm-bus:problem:overloaded', status: 503 })
    expect(Number(shed.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await get(`${slow.url}/livez`)).status).toBe(200)
  } finally {
    behind = false
    await stutter
  }
  await waitFor(async () => (await post(slow.url, { body: { message: 'after' } })).status === 202, {
    what: 'it takes messages again',
    deadlineMs: 60_000,
  })
})
