import {
  type Channel,
  defineApp,
  defineChannel,
  defineContracts,
  defineStream,
  defineVersion,
  type StreamOptions,
} from '@alarm-bus/contracts'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { changelogChangesets, parseChangeset } from '../src/compatibility/changesets.ts'
import { type CheckInput, checkContracts } from '../src/compatibility/check-contracts.ts'
import { describeResult } from '../src/compatibility/describe-result.ts'
import type { CompatibilityMode, ReleasedContracts } from '../src/compatibility/released.ts'
import { takeSnapshot } from '../src/snapshot/take-snapshot.ts'

type ChannelChange = Partial<Parameters<typeof defineChannel>[0]>

const text = z.object({ text: z.string() })
const stricter = z.object({ text: z.string().max(10) })

const channel = (change: ChannelChange = {}): Channel =>
  defineChannel({ name: 'order-placed', subject: 'order.placed', description: 'x', schema: text, ...change })

function snapshot(channels: readonly Channel[], stream: Partial<StreamOptions> = {}): ReleasedContracts {
  const all = defineStream({
    name: 'ORDERS',
    description: 'x',
    channels,
    maxAgeMs: 600_000,
    maxMessages: 1_000,
    maxBytes: 100_000,
    ...stream,
  })
  return takeSnapshot(defineContracts({ channels, streams: [all] }))
}

const app = (name: string, does: 'publishes' | 'handles', channels: readonly Channel[]) =>
  defineApp({ name, description: 'x', owner: 'shop', [does]: channels })

const changeset = (size: string, body = 'Breaking: order-placed') =>
  parseChangeset('a-change.md', `---\n'@alarm-bus/contracts': ${size}\n---\n\n${body}\n`)

function check(before: ReleasedContracts, after: ReleasedContracts, more: Partial<CheckInput> = {}) {
  return checkContracts({
    released: before,
    declared: after,
    apps: [],
    changesets: [],
    contractsVersion: '0.1.0',
    ...more,
  })
}

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

describe('a change that breaks somebody', () => {
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

describe('versions side by side', () => {
  const first = channel()
  const second = defineVersion(first, {
    version: 2,
    subject: 'order.placed.v2',
    schema: stricter,
    upcast: (message) => message as { text: string },
  })
  const alone = channel({ name: 'order-placed-v2', version: 2, subject: 'order.placed.v2', schema: stricter })

  test('a new version beside the old one breaks nobody', () => {
    expect(check(snapshot([first]), snapshot([first, second])).outcome).toBe('compatible')
  })

  test('the old one goes once the new one was released beside it, nobody uses it, and a changeset says so', () => {
    const both = snapshot([first, second])
    const after = snapshot([alone])
    const changesets = [changeset('minor')]
    expect(check(both, after, { changesets }).outcome).toBe('accepted')
    expect(check(both, after).channels[0]?.missing).toHaveLength(1)
    const user = app('mailer', 'handles', [first])
    expect(check(both, after, { changesets, apps: [user] }).channels[0]?.missing).toEqual([
      'no app that still declares it: mailer',
    ])
    expect(check(snapshot([first, alone]), after, { changesets }).channels[0]?.missing).toEqual([
      'a next version of it (defineVersion) that was released beside it',
    ])
  })
})

describe('a channel goes with', () => {
  const first = channel()
  const second = defineVersion(first, {
    version: 2,
    subject: 'order.placed.v2',
    schema: text,
    upcast: (message) => message as { text: string },
  })
  const both = snapshot([first, second])
  const after = snapshot([channel({ name: 'order-placed-v2', version: 2, subject: 'order.placed.v2' })])
  const lacks = (one: ReturnType<typeof changeset>, contractsVersion = '0.1.0') =>
    check(both, after, { changesets: [one], contractsVersion }).channels[0]?.missing

  test.each([
    ['the line', 'Breaking: order-placed'],
    ['the line within its text', 'The first version goes.\n\n**Breaking:** `order-placed`.'],
    ['one line for two', 'Breaking: order-cancelled, order-placed'],
    ['the line in a list, behind a commit', '- 1234abc: Breaking: order-placed'],
  ])('a changeset that has %s', (_, body) => expect(lacks(changeset('minor', body))).toEqual([]))

  test.each([
    ['that names it in passing', 'order-placed has another shape.'],
    ['that says the opposite', 'Nothing changes for order-placed.'],
    ['with the line in a comment', 'Words. <!-- Breaking: order-placed -->'],
    ['with the line in a comment that goes on', '<!--\nBreaking: order-placed\n-->'],
    ['with the line as an example', '```\nBreaking: order-placed\n```'],
    ['of a channel with a longer name', 'Breaking: order-placed-v2'],
  ])('no changeset %s', (_, body) => {
    expect(lacks(changeset('minor', body))).toEqual([
      'a changeset for @alarm-bus/contracts of size minor or more with the line "Breaking: order-placed"',
    ])
  })

  test('one that is large enough: minor before 1.0.0, major from then on', () => {
    expect(lacks(changeset('patch'))).toHaveLength(1)
    expect(lacks(changeset('minor'), '1.0.0')).toHaveLength(1)
    expect(lacks(changeset('major'), '1.0.0')).toEqual([])
  })

  test('what a release on its way took into the changelog, and nothing older', () => {
    const changelog =
      '# x\n\n## 0.2.0\n\n### Minor Changes\n\n- 1234abc: Breaking: order-placed\n\n## 0.1.0\n\n### Patch Changes\n\n- Words.\n'
    const between = (above: string, upTo: string) =>
      changelogChangesets(changelog, '@alarm-bus/contracts', { above, upTo })
    const changesets = between('0.1.0', '0.2.0')
    expect(changesets.map(({ file }) => file)).toEqual(['CHANGELOG.md 0.2.0'])
    expect(check(both, after, { changesets }).outcome).toBe('accepted')
    expect(between('0.2.0', '0.2.0')).toEqual([])
    expect(between('0.1.0', '0.1.0')).toEqual([])
  })
})

test('a removed channel names who published it, though they publish on whatever there is', () => {
  const [one, other] = [channel(), channel({ name: 'other', subject: 'other' })]
  const apps = [app('shop', 'publishes', [other]), app('mailer', 'handles', [other])]
  const whoPublishes = (before: ReleasedContracts) =>
    check(before, snapshot([other]), { apps }).channels.find((each) => each.channel === 'order-placed')
  expect(whoPublishes(snapshot([one, other]))).toMatchObject({ publishedBy: ['shop'], handledBy: [] })
  const stream = defineStream({
    name: 'S',
    description: 'x',
    channels: [one, other],
    maxAgeMs: 1_000_000,
    maxMessages: 1,
    maxBytes: 1,
  })
  const users = [app('till', 'publishes', [one]), app('printer', 'handles', [one])]
  const known = takeSnapshot(defineContracts({ channels: [one, other], streams: [stream] }), users)
  expect(whoPublishes(known)).toMatchObject({ publishedBy: ['till'], handledBy: ['printer'] })
})

test('a changeset is read with its front matter, and refused without', () => {
  const { sizes, text } = parseChangeset('x.md', '---\r\n"@alarm-bus/contracts": major\nproducer: patch\n---\r\nWords.')
  expect([...sizes]).toEqual([
    ['@alarm-bus/contracts', 'major'],
    ['producer', 'patch'],
  ])
  expect(text).toBe('Words.')
  expect(parseChangeset('x.md', '---\n---\n').sizes.size).toBe(0)
  expect(() => parseChangeset('x.md', 'Words.')).toThrow('.changeset/x.md does not begin with front matter')
  expect(() => parseChangeset('x.md', '---\nproducer: huge\n---\n')).toThrow('"producer: huge" is not')
})
