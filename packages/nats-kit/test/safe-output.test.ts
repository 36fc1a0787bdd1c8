import { expect, test, vi } from 'vitest'
import { errorText, KitError, KitErrorCode, KitEvents, type Logger } from '../src/index.ts'
import { safeLogger } from '../src/logger.ts'
import { collectLogs, waitFor } from '../src/testing.ts'
import { open, useBroker } from './harness.ts'

const broker = useBroker()

function unreadable(what: 'message' | 'cause' | 'stack'): Error {
  return Object.defineProperty(new Error('plain'), what, {
    get() {
      throw new Error('no')
    },
  })
}

function circular(): object {
  const self: Record<string, unknown> = { status: 500 }
  self['self'] = self
  return self
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

const ODD: readonly (readonly [string, () => unknown])[] = [
  ['nothing', () => undefined],
  ['a symbol', () => Symbol('s')],
  ['a bigint', () => 1n],
  ['a circular object', circular],
  ['an object without a prototype', () => Object.create(null)],
  ['an error whose message throws', () => unreadable('message')],
  ['an error whose cause throws', () => unreadable('cause')],
  ['an error whose cause cannot be read', () => new Error('outer', { cause: unreadable('message') })],
  ['an error whose message is no text', () => Object.assign(new Error('x'), { message: { no: 'text' } })],
  ['a revoked proxy', revoked],
  [
    'a proxy that throws at everything',
    () =>
      new Proxy(
        {},
        {
          get: () => {
            throw new Error('no')
          },
          getPrototypeOf: () => {
            throw new Error('no')
          },
          ownKeys: () => {
            throw new Error('no')
          },
        },
      ),
  ],
  ['a text of a million characters', () => 'x'.repeat(1_000_000)],
  [
    'an error of a million characters',
    () => new Error('x'.repeat(1_000_000), { cause: new Error('y'.repeat(1_000_000)) }),
  ],
  [
    'an object with an inspector that throws',
    () => ({
      [Symbol.for('nodejs.util.inspect.custom')]() {
        throw new Error('no')
      },
    }),
  ],
  [
    'an object with a toString that throws',
    () => ({
      toString() {
        throw new Error('no')
      },
    }),
  ],
]

test.each(ODD)('%s thrown has a text with a bound, and is a KitError when wrapped', (_, make) => {
  const thrown = make()
  const text = errorText(thrown)
  expect(text).toBeTypeOf('string')
  expect(text.length).toBeGreaterThan(0)
  expect(text.length).toBeLessThanOrEqual(4_096)
  const error = KitError.from(thrown)
  expect([error.code, error.message]).toEqual([KitErrorCode.Unexpected, text])
  expect(KitError.is(thrown)).toBe(false)
})

test('a text says what was thrown', () => {
  expect(errorText(new Error('request failed', { cause: new Error('no responders') }))).toBe(
    'request failed: no responders',
  )
  expect(errorText('plain')).toBe('plain')
  expect(errorText({ status: 500 })).toBe('{ status: 500 }')
  expect(errorText({ message: 'of another realm' })).toBe('of another realm')
  expect(errorText(circular())).toContain('status: 500')
})

test.each(ODD)('a listener that throws %s stops no event, and is reported', async (_, make) => {
  const events = new KitEvents()
  const reported: Error[] = []
  const heard: string[] = []
  events.on('exceptionOccurred', ({ error }) => reported.push(error))
  events.on('errorOccurred', () => {
    throw make()
  })
  // oxlint-disable-next-line typescript/no-misused-promises -- what a listener should not be, and may be
  events.on('errorOccurred', async () => {
    throw make()
  })
  events.on('errorOccurred', ({ error }) => heard.push(error))
  events.emit('errorOccurred', { error: 'e' })
  expect(heard).toEqual(['e'])
  await waitFor(() => reported.length === 2)
  for (const { message, stack } of reported) expect([typeof message, typeof stack]).toEqual(['string', 'string'])
})

test.each(ODD)('a listener of exceptionOccurred that throws %s is a warning', async (_, make) => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  try {
    const events = new KitEvents().on('exceptionOccurred', () => {
      throw make()
    })
    events.emit('exceptionOccurred', { error: new Error('x'), during: 'test' })
    expect(warned).toHaveBeenCalledWith(expect.stringContaining('a listener of exceptionOccurred threw'))
  } finally {
    warned.mockRestore()
  }
})

test('a line that a logger throws at is said again as text, and wrapping twice is wrapping once', () => {
  const logs = collectLogs()
  const picky: Logger = {
    ...logs,
    info(fields, message) {
      JSON.stringify(fields)
      logs.info(fields, message)
    },
  }
  const logger = safeLogger(picky)
  expect(safeLogger(logger)).toBe(logger)
  logger.info({ error: circular() }, 'a circular field')
  logger.info({ fine: true }, 'a fine field')
  expect(logs.lines).toMatchObject([
    { level: 'error', message: 'a circular field', fields: { event: 'loggerThrew' } },
    { level: 'info', message: 'a fine field', fields: { fine: true } },
  ])
})

test.each(['throws', 'rejects'] as const)('a logger that always %s breaks nothing of a connection', async (how) => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  try {
    const fail = (): void => {
      if (how === 'throws') throw Object.create(null)
      return Promise.reject(new Error('disk full')) as never
    }
    const logger = { debug: fail, info: fail, warn: fail, error: fail }
    const connection = await open(broker.current, {}, logger)
    connection.logger.error({}, 'of a handler')
    await waitFor(() => warned.mock.calls.some(([text]) => String(text).includes('of a handler')))
    await connection.close(1_000)
    expect(connection.state).toBe('closed')
  } finally {
    warned.mockRestore()
  }
})
