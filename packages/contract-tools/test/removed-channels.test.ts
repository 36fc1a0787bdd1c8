import { defineContracts, defineStream, defineVersion } from '@alarm-bus/contracts'
import { describe, expect, test } from 'vitest'
import { changelogChangesets, parseChangeset } from '../src/compatibility/changesets.ts'
import type { ReleasedContracts } from '../src/compatibility/released.ts'
import { takeSnapshot } from '../src/snapshot/take-snapshot.ts'
import { app, changeset, channel, check, snapshot, stricter, text } from './orders.ts'

describe('versions side by side', () => {
  const first = channel()
  const second = defineVersion(first, {
    version: 2,
    subject: 'order.placed.v2',
    schema: stricter,
    upcast: (message) => message as { text: string },
  })
  const alone = channel({ name: 'order-placed-v2', version: 2, subject: 'order.placed.v2', schema: stricter })

  test('a new version beside the old one breaks no app', () => {
    expect(check(snapshot([first]), snapshot([first, second])).outcome).toBe('compatible')
  })

  test('the old one goes once the new one was released beside it, no app uses it, and a changeset says so', () => {
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
