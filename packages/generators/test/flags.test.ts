import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { readFlags } from '../src/flags.ts'
import { REPOSITORY } from '../src/repository.ts'

const APP = ['app', 'never-made', '--handles', 'alarm-to-bot', '--owner', 'payments']
const CHANNEL = ['channel', 'never-sent', '--subject', 'never.sent', '--stream', 'BASQUIAT_STREAM']
const REQUEST = ['request', 'never-asked', '--subject', 'ask.never']
const REST = ['--owner', 'shop', '--description', 'It is never sent.']

function refusal(argv: readonly string[]): string {
  try {
    readFlags(argv, false)
  } catch (error) {
    return (error as Error).message
  }
  return 'taken'
}

test('flags become answers, in the order of the questions', () => {
  expect(readFlags(APP, false)).toEqual({
    generator: 'app',
    answers: ['never-made', 'consumer', 'alarm-to-bot', 'payments', 'Handles alarm-to-bot.'],
  })
  expect(
    readFlags(['app', 'never-made', '--kind', 'producer', '--publishes', 'alarm-to-log,alarm-to-bot'], true),
  ).toEqual({
    generator: 'app',
    answers: ['never-made', 'producer', 'alarm-to-log,alarm-to-bot', '_', 'Publishes on alarm-to-log, alarm-to-bot.'],
  })
  expect(readFlags([...CHANNEL, ...REST], false)).toEqual({
    generator: 'channel',
    answers: ['never-sent', 'never.sent', 'BASQUIAT_STREAM', 'shop', 'It is never sent.'],
  })
  expect(readFlags([...REQUEST, ...REST], false)).toEqual({
    generator: 'request',
    answers: ['never-asked', 'ask.never', 'none', 'shop', 'It is never sent.'],
  })
  expect(readFlags([...REQUEST, '--stream', 'BASQUIAT_STREAM', ...REST], false)).toMatchObject({
    answers: ['never-asked', 'ask.never', 'BASQUIAT_STREAM', 'shop', 'It is never sent.'],
  })
  expect(refusal([...REQUEST, '--stream', 'NO_STREAM', ...REST])).toContain('there is no stream "NO_STREAM"; declared:')
})

test('what no flag says is asked, where a person can answer', () => {
  expect(readFlags(['channel'], true)).toEqual({ generator: 'channel', answers: ['_', '_', '_', '_', '_'] })
  expect(refusal(['channel', 'never-sent'])).toBe(
    'give --subject, --stream, --owner, --description: there is no terminal to ask in',
  )
  expect(refusal(['app'])).toMatch(/^give a name, --kind, --handles or --publishes, --owner/)
  for (const argv of [[], ['--help'], ['help']]) expect(readFlags(argv, false)).toContain('Usage: pnpm new [options]')
})

const changed = (argv: readonly string[], flag: string, value: string): readonly string[] =>
  argv.map((arg, index) => (argv[index - 1] === flag ? value : arg))
const named = (argv: readonly string[], name: string): readonly string[] => argv.with(1, name)

test.each([
  ['a name in another case', named(APP, 'newApp'), /the name must be kebab case/],
  ['an app that there is', named(APP, 'log-consumer'), /apps\/log-consumer exists already/],
  ['a package of that name', named(APP, 'benchmarks'), /benchmarks exists already/],
  ['a user of the broker', named(APP, 'admin'), /the broker has a user of that name/],
  [
    'an unknown channel',
    changed(APP, '--handles', 'alarm-to-bot,nope'),
    /unknown channel "nope"; expected one of: alarm-to-bot/,
  ],
  ['a channel twice', changed(APP, '--handles', 'alarm-to-bot,alarm-to-bot'), /"alarm-to-bot" is declared twice/],
  ['nobody to ask', changed(APP, '--owner', ' '), /owner is empty/],
  ['both kinds', [...APP, '--publishes', 'alarm-to-log'], /either handles or publishes/],
  ['the other kind', [...APP, '--kind', 'producer'], /a producer takes --publishes/],
  ['another kind', [...APP, '--kind', 'both'], /--kind must be one of consumer, producer/],
  ['an unknown flag', [...APP, '--port', '1'], /unknown option '--port'/],
  ['a request that there is', named([...REQUEST, ...REST], 'alarm-logged'), /request "alarm-logged" exists already/],
  ['a request like a channel', named([...REQUEST, ...REST], 'alarm-to-bot'), /is called like a channel/],
  ['a taken subject', changed([...REQUEST, ...REST], '--subject', 'alarm.to.bot'), /belongs to channel "alarm-to-bot"/],
  ['two names', [...APP, 'another'], /too many arguments for 'app'/],
  ['another thing', ['stream', 'x'], /unknown command 'stream'; expected one of: app, channel, request/],
  ['a channel that there is', named([...CHANNEL, ...REST], 'alarm-to-bot'), /channel "alarm-to-bot" exists already/],
  ['a file that there is', named([...CHANNEL, ...REST], 'define-app'), /define-app\.ts exists already/],
  ['a value that there is', named([...CHANNEL, ...REST], 'basquiat-stream'), /export a basquiatStream already/],
  ['a word of the language', named([...CHANNEL, ...REST], 'await'), /is a word of the language/],
  ['a wildcard', changed([...CHANNEL, ...REST], '--subject', 'order.*'), /contains a wildcard/],
  [
    'a subject that is taken',
    changed([...CHANNEL, ...REST], '--subject', 'alarm.to.bot'),
    /taken by channel "alarm-to-bot"/,
  ],
  [
    'an unknown stream',
    changed([...CHANNEL, ...REST], '--stream', 'NOPE'),
    /unknown stream "NOPE"; expected one of: BASQUIAT_STREAM/,
  ],
  ['nothing to say', changed([...CHANNEL, ...REST], '--description', ''), /description is empty/],
])('%s is refused', (_, argv, message) => {
  expect(refusal(argv)).toMatch(message)
})

test('the command itself ends with 1 and the reason, and writes nothing', () => {
  const written = [
    'apps',
    '.changeset',
    '.env.example',
    'docker-compose.yml',
    'docker-compose.cluster.yml',
    'knip.json',
  ]
  const git = (): string =>
    execFileSync('git', ['-C', REPOSITORY, 'status', '--porcelain', '--', ...written], { encoding: 'utf8' })
  const before = git()
  const command = ['--conditions=@alarm-bus/source', `${REPOSITORY}packages/generators/src/new.ts`]
  expect(() => execFileSync(process.execPath, [...command, ...named(APP, 'producer')], { stdio: 'pipe' })).toThrow(
    expect.objectContaining({ status: 1, stderr: expect.any(Buffer) }),
  )
  expect(git()).toBe(before)
})
