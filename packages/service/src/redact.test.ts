import { expect, test } from 'vitest'
import { redact } from './redact.ts'

test('secrets go at any depth and in any case, the rest stays', () => {
  const fields = {
    event: 'x',
    password: 'p',
    headers: { Authorization: 'a', 'Idempotency-Key': 'k', host: 'h' },
    list: [{ token: 't', id: 1 }],
    deep: { deeper: { deepest: { nkeySeed: 's', port: 1 } } },
  }
  const before = structuredClone(fields)
  expect(redact(fields)).toEqual({
    event: 'x',
    password: '[redacted]',
    headers: { Authorization: '[redacted]', 'Idempotency-Key': '[redacted]', host: 'h' },
    list: [{ token: '[redacted]', id: 1 }],
    deep: { deeper: { deepest: { nkeySeed: '[redacted]', port: 1 } } },
  })
  // The caller's own object is not touched.
  expect(fields).toEqual(before)
})

test('a line without secrets is not copied; errors and dates stay what they are', () => {
  const fields = { event: 'x', err: new Error('boom'), at: new Date(0), list: [1, 2] }
  expect(redact(fields)).toBe(fields)
})

test('an object that contains itself ends', () => {
  const loop: Record<string, unknown> = { token: 't' }
  loop['self'] = loop
  expect(JSON.stringify(redact({ loop }))).not.toContain('"t"')
})
