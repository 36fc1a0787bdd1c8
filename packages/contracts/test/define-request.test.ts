import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { alarmToBot, basquiatStream, ContractError, defineApp, defineContracts, defineRequest } from '../src/index.ts'

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
