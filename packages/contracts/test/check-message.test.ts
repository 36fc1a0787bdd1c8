import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { alarmToBot, alarmToLog, checkReceived, checkToPublish, defineChannel } from '../src/index.ts'

const nested = defineChannel({
  name: 'nested',
  subject: 'nested',
  description: 'x',
  schema: z.object({
    list: z.array(z.object({ a: z.number() })).max(3),
    kind: z.discriminatedUnion('type', [
      z.object({ type: z.literal('x'), x: z.string() }),
      z.object({ type: z.literal('y'), y: z.number() }),
    ]),
    labels: z.record(z.string(), z.string()),
    level: z.string().default('info'),
    'a/b~c': z.object({}).optional(),
  }),
})
const valid = { list: [{ a: 1 }], kind: { type: 'x' as const, x: 'x' }, labels: { team: 'ops' } }

describe('a publisher', () => {
  test('may leave out what has a default, and gets it', () => {
    expect(checkToPublish(nested, valid)).toEqual({ ok: true, message: { ...valid, level: 'info' } })
  })

  test.each([
    ['at the top', { ...valid, extra: 1 }, ['/extra']],
    ['in a list', { ...valid, list: [{ a: 1 }, { a: 2, b: 3 }] }, ['/list/1/b']],
    ['in a member of a union', { ...valid, kind: { type: 'x', x: 'x', y: 1 } }, ['/kind/y']],
    ['in a field whose name needs escapes', { ...valid, 'a/b~c': { 'd/e': 1 } }, ['/a~1b~0c/d~1e']],
    ['twice', { ...valid, p: 1, q: null }, ['/p', '/q']],
  ])('may send no unknown field %s', (_, message, paths) => {
    const checked = checkToPublish(nested, message)
    expect(checked).toMatchObject({ ok: false, issues: paths.map((path) => ({ path, code: 'unrecognized_key' })) })
  })

  test('may leave an optional field undefined, which JSON leaves out', () => {
    expect(checkToPublish(alarmToLog, { message: 'x', extra: undefined }).ok).toBe(true)
    expect(checkToPublish(alarmToLog, { message: 'x', other: undefined }).ok).toBe(true)
  })

  test.each([
    ['nothing', undefined, ''],
    ['a list', [], ''],
    ['a number for the text', { message: 1 }, '/message'],
    ['an empty text', { message: '' }, '/message'],
    ['a text past its bound', { message: 'x'.repeat(4_001) }, '/message'],
  ])('gets the path of %s', (_, message, path) => {
    expect(checkToPublish(alarmToBot, message)).toMatchObject({ ok: false, issues: [{ path }] })
  })

  test('gets unknown fields and wrong ones together', () => {
    const checked = checkToPublish(nested, { ...valid, list: [{ a: '1', b: 2 }], other: 1 })
    expect(checked.ok ? [] : checked.issues.map(({ path }) => path)).toEqual(['/list/0/a', '/list/0/b', '/other'])
    expect(checkToPublish(alarmToBot, { message: 1, x: 2 })).toMatchObject({
      issues: [{ path: '/message' }, { path: '/x' }],
    })
  })

  test('gets 20 issues at most, whatever it sends', () => {
    const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`k${i}`, 1]))
    const checked = checkToPublish(alarmToBot, { message: 'x', ...many })
    expect(checked.ok ? 0 : checked.issues.length).toBe(20)
    const list = checkToPublish(nested, { ...valid, list: Array.from({ length: 100 }, () => 1) })
    expect(list.ok ? 0 : list.issues.length).toBeLessThanOrEqual(20)
  })

  test('may send what looks like a prototype only where the schema knows it', () => {
    expect(checkToPublish(alarmToBot, JSON.parse('{"message":"x","__proto__":{"a":1}}'))).toMatchObject({ ok: false })
  })
})

test('a consumer ignores what a newer producer added, at any depth', () => {
  const newer = { ...valid, added: 1, list: [{ a: 1, added: 2 }] }
  expect(checkReceived(nested, newer)).toEqual({ ok: true, message: { ...valid, level: 'info' } })
})

test('the longest alarm fits the channel’s bytes, whatever its letters: a control character takes six', () => {
  for (const letter of ['a', '가', '\u0001', '🔥'.slice(0, 1)]) {
    const message = { message: letter.repeat(4_000), extra: letter.repeat(6_000) }
    expect(checkToPublish(alarmToLog, message).ok).toBe(true)
    expect(Buffer.byteLength(JSON.stringify(message))).toBeLessThan(alarmToLog.maxMessageBytes)
  }
  expect(checkToPublish(alarmToLog, { message: 'a', extra: 'a'.repeat(6_001) }).ok).toBe(false)
})
