import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  alarmToBot,
  basquiatStream,
  ContractError,
  defineApp,
  defineChannel,
  defineContracts,
  defineRequest,
  defineStream,
  type RequestContract,
} from '../src/index.ts'

const schemas = { request: z.object({ id: z.string() }), response: z.object({ name: z.string() }) }
const declare = (options: object = {}) =>
  defineRequest({
    name: 'user-name',
    subject: 'ask.user.name',
    owner: 'users',
    description: 'What a user is called.',
    ...schemas,
    errors: { unknown_user: z.object({ id: z.string() }) },
    ...options,
  })

test('a request has both directions, its errors and bounds', () => {
  const request = declare()
  expect(request).toMatchObject({ compatibility: 'full', version: 1, timeoutMs: 2_000 })
  expect(request.request.maxBytes).toBe(65_536)
  expect(request.request.jsonSchema).toMatchObject({ required: ['id'] })
  expect(request.errors['unknown_user']?.jsonSchema).toMatchObject({ required: ['id'] })
  expect(Object.isFrozen(request.errors)).toBe(true)
})

describe('refused, and said why', () => {
  test.each([
    [{ name: 'User Name' }, 'kebab case'],
    [
      { subject: 'ask.*' },
      'request "user-name": subject "ask.*" contains a wildcard; a request is one literal subject',
    ],
    [{ subject: '_INBOX.x' }, 'which the broker keeps for itself'],
    [{ owner: ' ' }, 'owner is empty'],
    [{ version: 0 }, 'version must be a whole number from 1'],
    [{ timeoutMs: 60_001 }, 'timeoutMs must be at most 60000, not 60001'],
    [{ timeoutMs: 0.5 }, 'timeoutMs must be a whole number from 1'],
    [{ maxResponseBytes: 0 }, 'maxResponseBytes must be a whole number from 1'],
    [{ compatibility: 'both' }, 'compatibility must be one of'],
    [{ request: z.object({ at: z.date() }) }, 'request "user-name": request: /at'],
    [{ response: z.string().transform(Number) }, 'request "user-name": response'],
    [{ errors: { gone: z.object({ at: z.date() }) } }, 'request "user-name": error "gone": /at'],
    [{ errors: { 'Not-Found': z.null() } }, 'error "Not-Found" must be snake case'],
    [{ errors: { internal: z.null() } }, 'error "internal" is one that every request has'],
    [{ errors: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`e${i}`, z.null()])) }, 'at most 32 errors'],
  ])('%j', (options, why) => {
    expect(() => declare(options)).toThrow(ContractError)
    expect(() => declare(options)).toThrow(why)
  })
})

describe('among the contracts', () => {
  const together = (...requests: ReturnType<typeof declare>[]) =>
    defineContracts({
      channels: basquiatStream.channels,
      streams: [basquiatStream],
      requests,
    })

  test('a request is found by its name', () => {
    const request = declare()
    expect(together(request).request('user-name')).toBe(request)
    expect(together(request).request('other')).toBeUndefined()
  })

  test.each([
    [[declare(), declare({ subject: 'ask.other' })], 'request "user-name" is declared twice'],
    [[declare(), declare({ name: 'other' })], 'which belongs to request "other"'],
    [[declare({ name: alarmToBot.name })], 'is called like a channel'],
    [[declare({ subject: alarmToBot.subject })], 'which belongs to channel "alarm-to-bot"'],
    [[declare({ subject: `core.${alarmToBot.subject}` })], 'which belongs to channel "alarm-to-bot"'],
  ])('%#: what would meet another is refused', (requests, why) => {
    expect(() => together(...requests)).toThrow(why)
  })
})

describe('in an app', () => {
  const app = (options: object) => defineApp({ name: 'x', owner: 'y', description: 'z', ...options })

  test('it asks, or it answers', () => {
    const request = declare()
    expect(app({ asks: [request] }).asks).toEqual([request])
    expect(app({ answers: [request] }).answers).toEqual([request])
    expect(app({ handles: [alarmToBot] })).toMatchObject({ asks: [], answers: [] })
  })

  test.each([
    [{ asks: [declare(), declare()] }, 'request "user-name" is declared twice'],
    [{ answers: [declare(), declare()] }, 'request "user-name" is declared twice'],
  ])('%#: twice is refused', (options, why) => {
    expect(() => app(options)).toThrow(why)
  })

  test('its own request is refused', () => {
    const request = declare()
    expect(() => app({ asks: [request], answers: [request] })).toThrow('it asks and answers request "user-name"')
  })
})

describe('a stored request', () => {
  const options = {
    name: 'order-state',
    subject: 'ask.order.state',
    owner: 'shop',
    description: 'x',
    request: z.object({ id: z.string() }),
    response: z.object({ state: z.string() }),
    stored: true,
  }
  const limits = { description: 'x', maxAgeMs: 3_600_000, maxMessages: 10, maxBytes: 1_000_000 }
  const streamOf = (requests: readonly RequestContract[], change: object = {}) =>
    defineStream({ name: 'S', channels: [], requests, ...limits, ...change })

  test('is a channel of its stream, and of no list of channels', () => {
    const request = defineRequest(options)
    const stream = streamOf([request])
    const contracts = defineContracts({ channels: [], streams: [stream], requests: [request] })
    expect(stream.channels).toEqual([request.stored?.channel])
    expect(request.stored).toMatchObject({ channel: { name: 'order-state', subject: 'ask.order.state.*' } })
    expect(request).toMatchObject({ timeoutMs: 60_000, stored: { keepReplyMs: 86_400_000 } })
    expect(contracts.channels).toEqual([])
    expect(contracts.streamOf(stream.channels[0] as never)).toBe(stream)
  })

  test.each([
    [{ timeoutMs: 999 }, 'timeoutMs of a stored request must be from 1000 to 604800000, not 999'],
    [{ timeoutMs: 604_800_001 }, 'must be from 1000 to 604800000'],
    [{ keepReplyMs: 59_999 }, 'keepReplyMs must be from timeoutMs (60000)'],
    [{ stored: false, keepReplyMs: 60_000 }, 'keepReplyMs is for a stored request; set stored: true'],
  ])('%j is refused', (change, why) => {
    expect(() => defineRequest({ ...options, ...change })).toThrow(why)
  })

  test('is refused where its stream cannot hold it, or there is none', () => {
    const request = defineRequest(options)
    const core = defineRequest({ ...options, stored: false })
    const channel = defineChannel({
      name: 'c',
      subject: 'ask.order.state.web',
      description: 'x',
      schema: z.object({ id: z.string() }),
    })
    expect(() => streamOf([core])).toThrow('request "order-state" is not a stored one')
    expect(() => streamOf([request], { maxAgeMs: 1_000, duplicateWindowMs: 1_000 })).toThrow(
      'has timeoutMs 60000, but the stream keeps a message for 1000 ms',
    )
    expect(() => streamOf([request], { allowMessageTtl: false })).toThrow('needs allowMessageTtl')
    expect(() => defineContracts({ channels: [], streams: [], requests: [request] })).toThrow(
      'is a stored one and in no stream',
    )
    const streams = [streamOf([request], { channels: [channel] })]
    expect(() => defineContracts({ channels: [channel], streams, requests: [request] })).toThrow(
      'which belongs to channel "c"',
    )
  })
})
