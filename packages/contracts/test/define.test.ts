import { expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import {
  alarmToBot,
  alarmToLog,
  basquiatStream,
  type Channel,
  ContractError,
  contracts,
  defineChannel,
  defineContracts,
  defineStream,
  type MessageInputOf,
  type MessageOf,
} from '../src/index.ts'

const schema = z.object({ text: z.string().max(10) })
const channel = (options: Partial<Parameters<typeof defineChannel>[0]> = {}) =>
  defineChannel({ name: 'a-channel', subject: 'a.channel', description: 'x', schema, ...options })
type ChannelChange = Partial<Parameters<typeof defineChannel>[0]>
const stream = (channels: readonly Channel[], options: Partial<Parameters<typeof defineStream>[0]> = {}) =>
  defineStream({
    name: 'STREAM',
    description: 'x',
    channels,
    maxAgeMs: 600_000,
    maxMessages: 10,
    maxBytes: 1_000,
    ...options,
  })

test('the alarm channels are what the apps agreed on', () => {
  expect(contracts.channels.map(({ name, subject, version }) => [name, subject, version])).toEqual(
    expect.arrayContaining([
      ['alarm-to-bot', 'alarm.to.bot', 1],
      ['alarm-to-log', 'alarm.to.log', 1],
    ]),
  )
  expect(contracts.channel('alarm-to-log')).toBe(alarmToLog)
  expect(contracts.channel('nobody')).toBeUndefined()
  expect(contracts.streamOf(alarmToBot)).toBe(basquiatStream)
  expect(basquiatStream).toMatchObject({
    name: 'BASQUIAT_STREAM',
    storage: 'file',
    maxAgeMs: 604_800_000,
    maxMessages: 100_000,
    maxBytes: 1_073_741_824,
    discard: 'old',
    allowMessageTtl: true,
    duplicateWindowMs: 120_000,
    replicas: 1,
  })
})

test('message types are inferred from the schema', () => {
  expectTypeOf<MessageOf<typeof alarmToBot>>().toEqualTypeOf<{ message: string }>()
  expectTypeOf<MessageOf<typeof alarmToLog>>().toEqualTypeOf<{ message: string; extra?: string | undefined }>()
  const withDefault = channel({ schema: z.object({ level: z.string().default('info') }) }) as Channel<
    'a-channel',
    z.ZodObject<{ level: z.ZodDefault<z.ZodString> }>
  >
  expectTypeOf<MessageInputOf<typeof withDefault>>().toEqualTypeOf<{ level?: string | undefined }>()
  expect(withDefault.name).toBe('a-channel')
})

test.each([
  ['alarm.*', 'wildcard'],
  ['alarm.>', 'wildcard'],
  ['alarm..bot', 'empty token'],
  ['.alarm', 'empty token'],
  ['alarm.', 'empty token'],
  ['', 'is empty'],
  ['alarm to', 'blank'],
  ['alarm\tto', 'blank'],
  ['alarm\r\nPUB x', 'blank'],
  ['$JS.API', 'keeps for itself'],
  ['_INBOX.x', 'keeps for itself'],
  ['a'.repeat(201), 'longer'],
])('subject %j is refused, naming the channel', (subject, why) => {
  expect(() => channel({ subject })).toThrow(ContractError)
  expect(() => channel({ subject })).toThrow('"a-channel"')
  expect(() => channel({ subject })).toThrow(why)
})

test.each([
  ['a name in capitals', { name: 'AlarmBot' }, /kebab case/],
  ['a name with a dot', { name: 'alarm.bot' }, /kebab case/],
  ['version 0', { version: 0 }, /version/],
  ['half a version', { version: 1.5 }, /version/],
  ['no room for a message', { maxMessageBytes: 0 }, /maxMessageBytes/],
  ['a date, which JSON has not', { schema: z.object({ at: z.date() }) }, /carried as JSON/],
  [
    'a transform, which would not survive',
    { schema: z.object({ at: z.string().transform(Number) }) },
    /\/at: the schema changes what was sent/,
  ],
  ['a trimmed text, which would not arrive as it was sent', { schema: z.object({ a: z.string().trim() }) }, /changes/],
  ['a coerced number', { schema: z.object({ a: z.array(z.coerce.number()) }) }, /changes what was sent \(z.coerce\)/],
  ['a value in place of a wrong one', { schema: z.object({ a: z.string().catch('x') }) }, /changes what was sent/],
  ['a codec', { schema: z.object({ a: z.stringbool() }) }, /changes what was sent/],
  ['a rule that no JSON Schema shows', { schema: z.object({ a: z.string().refine(() => true) }) }, /refine/],
  ['a rule over several fields', { schema: z.object({ a: z.string() }).refine(() => true) }, /refine/],
  ['a default that is not valid itself', { schema: z.object({ a: z.string().min(2).default('x') }) }, /default "x"/],
  ['a strict object', { schema: z.strictObject({ a: z.string() }) }, /: \/: the object is strict/],
  ['a strict object inside', { schema: z.object({ a: z.strictObject({}) }) }, /: \/a: the object is strict/],
])('a channel with %s is refused, naming the channel', (_, options, why) => {
  expect(() => channel(options)).toThrow(why)
  expect(() => channel(options)).toThrow((options as ChannelChange).name ?? 'a-channel')
})

test('where nothing is promised, a rule may be one that no JSON Schema shows', () => {
  expect(channel({ schema: z.object({ a: z.string() }).refine(() => true), compatibility: 'none' }).name).toBe(
    'a-channel',
  )
  expect(channel({ schema: z.object({ a: z.email(), b: z.iso.datetime(), c: z.int() }) }).name).toBe('a-channel')
})

test.each([
  ['a blank in its name', { name: 'MY STREAM' }, /name/],
  ['no channels', { channels: [] }, /no channels/],
  ['no age limit', { maxAgeMs: 0 }, /maxAgeMs/],
  ['no size limit', { maxBytes: Number.POSITIVE_INFINITY }, /maxBytes/],
  ['two replicas', { replicas: 2 }, /replicas/],
  [
    'a scheduled channel that is not its own',
    { scheduled: [channel({ name: 'other' })] },
    /"other", which is not among/,
  ],
  ['a duplicate window longer than its messages live', { duplicateWindowMs: 700_000 }, /duplicateWindowMs/],
  ['messages smaller than its channel’s', { maxMessageBytes: 1_024 }, /"a-channel" allows 65536/],
])('a stream with %s is refused', (_, options, why) => {
  expect(() => stream([channel()], options)).toThrow(ContractError)
  expect(() => stream([channel()], options)).toThrow(why)
})

test('two channels on one subject, one name, no stream, two streams: refused, naming the channel', () => {
  const one = channel()
  const sameSubject = channel({ name: 'other' })
  const sameName = channel({ subject: 'other.subject' })
  const lonely = channel({ name: 'lonely', subject: 'lonely' })
  expect(() => defineContracts({ channels: [one, sameSubject], streams: [stream([one, sameSubject])] })).toThrow(
    'channel "other" uses subject "a.channel", which belongs to channel "a-channel"',
  )
  expect(() => defineContracts({ channels: [one, sameName], streams: [stream([one])] })).toThrow(
    /"a-channel" is declared twice/,
  )
  expect(() => defineContracts({ channels: [one, lonely], streams: [stream([one])] })).toThrow(
    /"lonely" is in no stream/,
  )
  expect(() =>
    defineContracts({ channels: [one], streams: [stream([one]), stream([one], { name: 'SECOND' })] }),
  ).toThrow(/"a-channel" is in stream STREAM and in SECOND/)
  expect(() => defineContracts({ channels: [one], streams: [stream([one, lonely])] })).toThrow(
    /"lonely" is in stream STREAM but not/,
  )
  expect(() => defineContracts({ channels: [one], streams: [stream([one]), stream([one])] })).toThrow(
    /"STREAM" is declared twice/,
  )
  const known = defineContracts({ channels: [one], streams: [stream([one])] })
  expect(() => known.streamOf(lonely)).toThrow(/"lonely" is not part/)
})
