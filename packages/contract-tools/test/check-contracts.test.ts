import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { describeResult } from '../src/compatibility/describe-result.ts'
import type { CompatibilityMode, ReleasedContracts } from '../src/compatibility/released.ts'
import { app, changeset, channel, check, snapshot, stricter, text } from './orders.ts'

describe('a mode', () => {
  const optional = z.object({ text: z.string(), more: z.string().optional() })
  const required = z.object({ text: z.string(), more: z.string() })
  test.each([
    ['an optional field more', text, optional, { backward: true, forward: true, full: true, none: true }],
    ['a required field more', text, required, { backward: false, forward: true, full: false, none: true }],
    ['a required field less', required, text, { backward: false, forward: false, full: false, none: true }],
    ['an optional field less', optional, text, { backward: false, forward: true, full: false, none: true }],
    ['less that is valid', text, stricter, { backward: false, forward: true, full: false, none: true }],
    ['more that is valid', stricter, text, { backward: true, forward: false, full: false, none: true }],
  ])('lets pass, or not: %s', (_, before, after, passes) => {
    for (const [mode, compatible] of Object.entries(passes)) {
      const compatibility = mode as CompatibilityMode
      const result = check(
        snapshot([channel({ schema: before, compatibility })]),
        snapshot([channel({ schema: after, compatibility })]),
      )
      expect(result.outcome, mode).toBe(compatible ? 'compatible' : 'breaking')
    }
  })

  test('that is loosened holds for one more release', () => {
    const loosened = channel({ schema: stricter, compatibility: 'none' })
    expect(check(snapshot([channel()]), snapshot([loosened])).outcome).toBe('breaking')
    expect(check(snapshot([channel()]), snapshot([channel({ compatibility: 'none' })])).outcome).toBe('compatible')
    expect(check(snapshot([channel({ compatibility: 'none' })]), snapshot([loosened])).outcome).toBe('compatible')
  })

  test('that is tightened holds at once', () => {
    const was = channel({ schema: stricter, compatibility: 'backward' })
    expect(check(snapshot([was]), snapshot([channel({ compatibility: 'full' })])).outcome).toBe('breaking')
  })
})

describe('what is not the message', () => {
  const other = channel({ name: 'other', subject: 'other' })
  test.each<[string, ReleasedContracts, string, string, boolean]>([
    ['another subject', snapshot([channel({ subject: 'order.new' })]), 'subject', 'subject_changed', true],
    ['a lower version', snapshot([channel({ version: 1 })]), 'version', 'version_lowered', true],
    [
      'smaller messages',
      snapshot([channel({ version: 2, maxMessageBytes: 9 })]),
      'maxMessageBytes',
      'limit_lowered',
      true,
    ],
    [
      'larger messages',
      snapshot([channel({ version: 2, maxMessageBytes: 99_999 })]),
      'maxMessageBytes',
      'limit_raised',
      false,
    ],
    ['another stream', snapshot([channel({ version: 2 })], { name: 'NEW' }), 'stream', 'stream_changed', true],
    [
      'a shorter life',
      snapshot([channel({ version: 2 })], { maxAgeMs: 599_999 }),
      'stream.maxAgeMs',
      'limit_lowered',
      true,
    ],
    [
      'a longer life',
      snapshot([channel({ version: 2 })], { maxAgeMs: 600_001 }),
      'stream.maxAgeMs',
      'limit_raised',
      false,
    ],
    [
      'fewer messages',
      snapshot([channel({ version: 2 })], { maxMessages: 1 }),
      'stream.maxMessages',
      'limit_lowered',
      true,
    ],
    ['fewer bytes', snapshot([channel({ version: 2 })], { maxBytes: 1 }), 'stream.maxBytes', 'limit_lowered', true],
    [
      'smaller stored messages',
      snapshot([channel({ version: 2 })], { maxMessageBytes: 70_000 }),
      'stream.maxMessageBytes',
      'limit_lowered',
      true,
    ],
    [
      'a shorter memory of ids',
      snapshot([channel({ version: 2 })], { duplicateWindowMs: 1 }),
      'stream.duplicateWindowMs',
      'limit_lowered',
      true,
    ],
    [
      'no time to live',
      snapshot([channel({ version: 2 })], { allowMessageTtl: false }),
      'stream.allowMessageTtl',
      'stream_option_changed',
      true,
    ],
    [
      'a full stream that refuses',
      snapshot([channel({ version: 2 })], { discard: 'new' }),
      'stream.discard',
      'stream_option_changed',
      true,
    ],
    [
      'memory',
      snapshot([channel({ version: 2 })], { storage: 'memory' }),
      'stream.storage',
      'stream_option_changed',
      true,
    ],
    ['no channel', snapshot([other]), '', 'channel_removed', true],
  ])('%s', (_, after, path, kind, breaking) => {
    const before = snapshot(kind === 'channel_removed' ? [channel(), other] : [channel({ version: 2 })])
    const result = check(before, after)
    const [found] = result.channels.filter((one) => one.channel === 'order-placed')
    expect(found?.differences).toContainEqual(expect.objectContaining({ path, kind, breaking }))
  })

  test('a channel more is compatible', () => {
    const result = check(snapshot([channel()]), snapshot([channel(), other]))
    expect(result).toMatchObject({
      outcome: 'compatible',
      channels: [
        { channel: 'order-placed', differences: [] },
        { channel: 'other', differences: [{ kind: 'channel_added' }] },
      ],
    })
  })
})

describe('a breaking change', () => {
  const released = snapshot([channel()])
  const raised = channel({ version: 2, subject: 'order.placed.v2', schema: stricter })
  const kept = channel({ name: 'order-placed-v1' })

  test('never passes under the same name, whatever stands beside it: both releases would share its consumers', () => {
    const changesets = [changeset('major')]
    const missing = [
      expect.stringContaining('order-placed as it was released, and the change in a next version beside it'),
    ]
    for (const after of [snapshot([raised, kept]), snapshot([raised]), snapshot([channel({ schema: stricter })])]) {
      const result = check(released, after, { changesets })
      expect(result.outcome).toBe('breaking')
      expect(result.channels.find((one) => one.channel === 'order-placed')?.missing).toEqual(missing)
    }
  })

  test('is said with who breaks, what was and is, and what to do instead', () => {
    const apps = [app('shop', 'publishes', [channel()]), app('mailer', 'handles', [channel()])]
    const text = describeResult(check(released, snapshot([channel({ schema: stricter })]), { apps })).join('\n')
    expect(text).toContain('order-placed (backward): breaking')
    expect(text).toContain('✗ /text  bound_tightened  none → {"maxLength":10}')
    expect(text).toContain('handlers built with it (mailer) cannot rely on older messages')
    expect(text).toContain('publishers (shop) are refused with what they sent before')
    expect(text).toContain('instead: leave the bound and let the handler decide')
    expect(text).toContain('the change in a next version beside it (defineVersion)')
  })
})

test('long patterns are shown where they begin to differ', () => {
  const pattern = (ending: string) =>
    channel({ schema: z.object({ text: z.string().regex(new RegExp(`^${'a'.repeat(200)}${ending}$`)) }) })
  const text = describeResult(check(snapshot([pattern('[b-d]{2}')]), snapshot([pattern('[b-e]{2}')]))).join('\n')
  expect(text).toMatch(/ …a{25,}\[b-d\]\{2\}\$ → …a{25,}\[b-e\]\{2\}\$/)
})
