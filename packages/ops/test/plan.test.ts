import { readFileSync, rmSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { alarmToBot, basquiatStream, contracts } from '@alarm-bus/contracts'
import { defineHandler, createBus } from '@alarm-bus/nats-kit'
import { type DeclaredStreamConfig, withCompanions } from '@alarm-bus/nats-kit/admin'
import { collectLogs, waitFor } from '@alarm-bus/nats-kit/testing'
import { AckPolicy, type JetStreamManager, jetstreamManager, StorageType } from '@nats-io/jetstream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkConfirmed } from '../src/plan/apply-plan.ts'
import { declare } from '../src/plan/declared.ts'
import { describePlan } from '../src/plan/describe-plan.ts'
import { makePlan } from '../src/plan/make-plan.ts'
import { observe } from '../src/plan/observe.ts'
import type { Plan } from '../src/plan/plan.ts'
import { applyDeclared, authOf, startBroker, type TestBroker } from './harness.ts'
import { STREAM_NAMES } from './permissions.ts'
import { opsOf } from './in-process.ts'

let broker: TestBroker
let manager: JetStreamManager
let folder: string

beforeEach(async () => {
  broker = await startBroker()
  manager = await jetstreamManager(await broker.raw('admin'))
  folder = await mkdtemp(join(tmpdir(), 'alarm-bus-plan-'))
})
afterEach(async () => {
  await broker[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

/** Streams that have a cursor for those who watch dead letters. */
const CURSORS = contracts.streams.flatMap(({ name }) => [`${name}_DLQ`, `${name}_DLQ_SHARES`])

/** With the consumers of three handlers and a stored request, of what is redriven to them, and of what falls due. */
const TO_CREATE = STREAM_NAMES.length + CURSORS.length + 9

const ops = (command: string, ...flags: string[]) => opsOf(broker, {}, command, ...flags)
const plan = async () => JSON.parse((await ops('plan', '--json')).out) as Plan
const setUp = () => applyDeclared(broker)
const publish = async (count: number) => {
  const client = await broker.raw('producer')
  for (let n = 0; n < count; n++) await client.request('alarm.to.bot', JSON.stringify({ message: `alarm ${n}` }))
}

test('an empty broker: every stream and consumer with its fields, exit code 2; then 0', async () => {
  const { code, out } = await ops('plan')
  expect(code).toBe(2)
  for (const name of STREAM_NAMES) expect(out).toContain(`${name}: create\n`)
  expect(out).toContain('  max_msgs: 100,000\n')
  expect(out).toMatch(
    /^BASQUIAT_STREAM\/log-consumer_alarm-to-log: create\n( .*\n)+? {2}filter_subject: "alarm.to.log"\n/m,
  )
  expect(out).toContain('BASQUIAT_STREAM_REDRIVE/log-consumer_alarm-to-log_redrive: create\n')
  expect(out).toContain(`${TO_CREATE} to create; nothing was changed, \`pnpm ops apply\` does it\n`)
  expect(await manager.streams.list().next()).toEqual([])

  await setUp()
  const { changes, notes } = await plan()
  expect(changes).toEqual([])
  expect(notes).toEqual([])
  const done = await ops('plan')
  expect(done).toMatchObject({ code: 0, out: expect.stringContaining('nothing to do: the broker is as declared\n') })
})

test('a cursor of dead letters that is gone, or would show bodies, is made again', async () => {
  await setUp()
  const [letters = '', shares = ''] = CURSORS
  await manager.consumers.delete(letters, 'dead-letter-watch')
  const migrator = await jetstreamManager(await broker.raw('migrator'), { checkAPI: false })
  await manager.consumers.delete(shares, 'dead-letter-watch')
  await migrator.consumers.add(shares, {
    durable_name: 'dead-letter-watch',
    ack_policy: AckPolicy.None,
    filter_subject: 'dead-letter-share.BASQUIAT_STREAM.*',
  })
  expect((await plan()).changes).toMatchObject([
    { action: 'create', stream: letters, consumer: 'dead-letter-watch' },
    {
      action: 'update',
      stream: shares,
      consumer: 'dead-letter-watch',
      fields: [{ field: 'headers_only', before: null, after: true }],
    },
  ])
  expect(await ops('apply', '--streams-only', '--yes')).toMatchObject({ code: 0 })
  expect((await manager.consumers.info(shares, 'dead-letter-watch')).config.headers_only).toBe(true)
  expect((await plan()).changes).toEqual([])
})

test('a stream says whose it is, and whether it was changed by hand or declared otherwise', async () => {
  await setUp()
  const { config } = await manager.streams.info('BASQUIAT_STREAM')
  expect(config.metadata).toMatchObject({
    'alarm-bus.owner': 'alarms',
    'alarm-bus.config': expect.stringMatching(/^[0-9a-f]{16}$/),
  })
  await manager.streams.update('BASQUIAT_STREAM', { max_msgs: 7 })
  expect((await plan()).changes).toEqual([
    {
      action: 'update',
      stream: 'BASQUIAT_STREAM',
      because: 'changed by hand',
      fields: [{ field: 'max_msgs', before: 7, after: 100_000 }],
    },
  ])
  const { metadata } = config
  await manager.streams.update('BASQUIAT_STREAM', {
    metadata: { ...metadata, 'alarm-bus.config': 'of-another-release' },
  })
  const { out } = await ops('plan')
  expect(out).toContain('BASQUIAT_STREAM: update (declared otherwise since)\n  max_msgs: 7 → 100,000\n')
  expect(out).toContain('  metadata.alarm-bus.config: "of-another-release" → ')
})

test('an app in mode verify does not mind a tag of another release', async () => {
  await setUp()
  const { metadata } = (await manager.streams.info('BASQUIAT_STREAM')).config
  await manager.streams.update('BASQUIAT_STREAM', { metadata: { ...metadata, 'alarm-bus.owner': 'somebody else' } })
  const bus = createBus({
    contracts,
    logger: collectLogs(),
    connection: { servers: [broker.server.url], name: 'alarm-consumer', auth: authOf('alarm-consumer') },
    streams: { mode: 'verify' },
    subscriber: { handlers: [defineHandler(alarmToBot, () => undefined)] },
  })
  void bus.start()
  try {
    await waitFor(() => bus.health().ready)
    // And a running app's consumers are what its declaration says.
    const { changes } = await plan()
    expect(changes).toMatchObject([
      { action: 'update', fields: [{ field: 'metadata.alarm-bus.owner', after: 'alarms' }] },
    ])
    const { config } = await manager.consumers.info('BASQUIAT_STREAM', 'alarm-consumer_alarm-to-bot')
    expect(config.metadata).toMatchObject({ 'alarm-bus.app': 'alarm-consumer', 'alarm-bus.config': expect.any(String) })
  } finally {
    await bus.stop(2_000)
  }
})

test('apply does the plan of the file, and nothing when the broker has changed since', async () => {
  const file = join(folder, 'plan.json')
  expect((await ops('plan', '--out', file)).code).toBe(2)
  // Not one of the plan's own streams, but what it was made for is not what is there.
  await manager.streams.add({ name: 'OTHER', subjects: ['other'], max_bytes: 1_000_000 })
  const stale = await ops('apply', file)
  expect(stale).toMatchObject({ code: 1, err: expect.stringContaining('has changed since the plan was made') })
  expect((await manager.streams.list().next()).map(({ config }) => config.name)).toEqual(['OTHER'])

  await ops('plan', '--out', file)
  const done = await ops('apply', file, '--json')
  expect(done.code).toBe(0)
  expect(JSON.parse(done.out)).toMatchObject({
    applied: [
      ...STREAM_NAMES.map((stream) => ({ action: 'create', stream })),
      ...CURSORS.map((stream) => ({ action: 'create', stream, consumer: 'dead-letter-watch' })),
      ...Array.from({ length: 9 }, () => ({ action: 'create', consumer: expect.any(String) })),
    ],
    notes: expect.arrayContaining([{ kind: 'unknown', stream: 'OTHER', messages: 0 }]),
  })
  // Done once, it is a plan for a broker that is no more.
  expect((await ops('apply', file)).err).toContain('has changed since')
  expect((await ops('plan')).code).toBe(0)
})

test('a field that changed, or a stream that was recreated, after the plan refuses it', async () => {
  await setUp()
  await manager.streams.update('BASQUIAT_STREAM', { max_msgs: 7 })
  const file = join(folder, 'plan.json')
  await ops('plan', '--out', file)
  // What comes in meanwhile is no change.
  await publish(3)
  await manager.streams.update('BASQUIAT_STREAM', { max_msgs: 8 })
  const stale = await ops('apply', file, '--json')
  expect(JSON.parse(stale.out)).toMatchObject({ error: { code: 'broker_changed' }, applied: [] })
  expect(stale.err).toContain('(BASQUIAT_STREAM)')
  await manager.streams.update('BASQUIAT_STREAM', { max_msgs: 7 })
  const applied = await ops('apply', file)
  expect(applied).toMatchObject({ code: 0, out: 'BASQUIAT_STREAM: updated\n' })
})

test('what is not declared is shown, and goes only with --allow-destroy and its name', async () => {
  await setUp()
  const migrator = await jetstreamManager(await broker.raw('migrator'), { checkAPI: false })
  await migrator.consumers.add('BASQUIAT_STREAM', {
    durable_name: 'somebody',
    ack_policy: AckPolicy.Explicit,
    filter_subject: 'alarm.to.bot',
  })
  await manager.streams.add({ name: 'OTHER', subjects: ['other'], max_bytes: 1_000_000 })
  const consumer = 'BASQUIAT_STREAM/somebody'
  const shown = await ops('plan')
  expect(shown.code).toBe(0)
  expect(shown.out).toContain(`${consumer}: not declared; left alone (0 unread or unsettled)\n`)
  expect(shown.out).toContain('OTHER: not declared; left alone (0 messages)\n')
  expect((await ops('plan', '--destroy', consumer)).err).toContain('--destroy needs --allow-destroy')
  expect(await ops('plan', '--allow-destroy', '--destroy', 'BASQUIAT_STREAM')).toMatchObject({
    code: 0,
    out: expect.stringContaining('BASQUIAT_STREAM: nothing of it is destroyed: it is as declared\n'),
  })

  const file = join(folder, 'plan.json')
  const both = ['--allow-destroy', '--destroy', 'OTHER', '--destroy', consumer]
  expect((await ops('plan', ...both, '--out', file)).code).toBe(2)
  for (const flags of [[], ['--allow-destroy'], ['--allow-destroy', '--destroy', consumer]]) {
    const refused = await ops('apply', file, ...flags)
    expect(refused).toMatchObject({ code: 1, out: '' })
    expect(refused.err).toContain(`it needs --allow-destroy --destroy OTHER --destroy ${consumer}; nothing was done`)
  }
  expect(await ops('apply', file, ...both)).toMatchObject({
    code: 0,
    out: `OTHER: destroyed\n${consumer}: destroyed\n`,
  })
  expect((await plan()).notes.filter(({ kind }) => kind === 'unknown')).toEqual([])
})

test('a stream is destroyed by the migrator alone; without its password nothing of the plan is done', async () => {
  await manager.streams.add({ name: 'OTHER', subjects: ['other'], max_bytes: 1_000_000 })
  const args = ['apply', '--yes', '--allow-destroy', '--destroy', 'OTHER'] as const
  const { code, err } = await opsOf(broker, { NATS_MIGRATOR_PASSWORD: '' }, ...args)
  expect(code).toBe(1)
  expect(err).toContain('NATS_MIGRATOR_PASSWORD (or NATS_MIGRATOR_NKEY_SEED) is not set')
  expect((await manager.streams.list().next()).map(({ config }) => config.name)).toEqual(['OTHER'])
  expect((await ops(...args)).code).toBe(0)
  expect((await manager.streams.list().next()).map(({ config }) => config.name).sort()).toEqual(STREAM_NAMES.toSorted())
})

test('a limit below what a stream holds removes messages, so it needs its name as well', async () => {
  await setUp()
  await publish(3)
  const declared = declare(contracts, undefined, undefined)
  const holding = (maxMessages: number) => ({
    ...declared,
    cursors: [],
    streams: declared.streams.map((one) => (one.name === 'BASQUIAT_STREAM' ? { ...one, max_msgs: maxMessages } : one)),
  })
  const make = async (maxMessages: number, destroy: readonly string[] = []) =>
    makePlan(holding(maxMessages), await observe(await broker.raw('admin'), []), { streamsOnly: true, destroy })
  // Lower than it was, with room for what is there.
  const roomy = await make(3)
  expect(roomy.changes).toMatchObject([{ action: 'update', stream: 'BASQUIAT_STREAM' }])
  checkConfirmed(roomy, { allowDestroy: false, destroy: [] })

  const tight = await make(2)
  expect(tight.changes).toMatchObject([
    { action: 'update', drops: [{ field: 'max_msgs', messages: 1, isEstimate: false, unread: [] }] },
  ])
  expect(describePlan(tight)).toContain('  removes 1 message over max_msgs, the oldest first')
  expect(() => checkConfirmed(tight, { allowDestroy: false, destroy: [] })).toThrow(
    /--allow-destroy --destroy BASQUIAT_STREAM/,
  )
  const name = ['BASQUIAT_STREAM']
  checkConfirmed(await make(2, name), { allowDestroy: true, destroy: name })

  // What a stream that is made anew carries over is held to the same limits.
  const inMemory = holding(2).streams.map((one) => ({ ...one, storage: StorageType.Memory }))
  const migrated = makePlan({ streams: inMemory, contracts }, await observe(await broker.raw('admin'), []), {
    streamsOnly: true,
    destroy: [],
  })
  expect(migrated.changes[0]).toMatchObject({
    action: 'migrate',
    drops: [{ field: 'max_msgs', messages: 1, isEstimate: false, unread: [] }],
  })
  expect(describePlan(migrated)).toContain('  removes 1 message over max_msgs, the oldest first')
})

test('a lower limit says how many messages go, how many of them who has not read, in units that people read', async () => {
  await applyDeclared(broker, {}, [])
  await publish(40)
  const migrator = await jetstreamManager(await broker.raw('migrator'), { checkAPI: false })
  const app = await broker.raw('alarm-consumer')
  for (const name of ['log-consumer_alarm-to-bot', 'alarm-consumer_alarm-to-bot']) {
    const filter = { ack_policy: AckPolicy.All, filter_subject: 'alarm.to.bot' }
    await migrator.consumers.add('BASQUIAT_STREAM', { durable_name: name, ...filter })
  }
  // One of them has settled 25.
  const inbox = `_INBOX_${'alarm-consumer'}.own`
  let last: string | undefined
  let count = 0
  app.subscribe(inbox, { callback: (_, message) => void ((last = message.reply), count++) })
  const next = '$JS.API.CONSUMER.MSG.NEXT.BASQUIAT_STREAM.alarm-consumer_alarm-to-bot'
  app.publish(next, '{"batch":25}', { reply: inbox })
  await waitFor(() => count === 25)
  app.publish(last as string, '+ACK')
  await waitFor(
    async () =>
      (await manager.consumers.info('BASQUIAT_STREAM', 'alarm-consumer_alarm-to-bot')).ack_floor.stream_seq === 25,
  )
  const { streams } = declare(contracts, undefined, undefined)
  const planOf = async (limits: Partial<DeclaredStreamConfig>) => {
    const lower = streams.map((one) => (one.name === 'BASQUIAT_STREAM' ? { ...one, ...limits } : one))
    const observed = await observe(await broker.raw('admin'), ['BASQUIAT_STREAM'])
    return describePlan(makePlan({ contracts, streams: lower }, observed, { streamsOnly: true, destroy: [] }))
  }
  const others = 'up to 30 by log-consumer_alarm-to-bot'
  expect(await planOf({ max_msgs: 10 })).toEqual(
    expect.arrayContaining([
      '  max_msgs: 100,000 → 10',
      '  removes 30 messages over max_msgs, the oldest first',
      `    not read yet: up to 5 by alarm-consumer_alarm-to-bot, ${others}`,
    ]),
  )
  const { bytes } = (await manager.streams.info('BASQUIAT_STREAM')).state
  expect((await planOf({ max_bytes: Math.floor(bytes / 4) })).join('\n')).toMatch(
    /max_bytes: 1 GiB → [\d.,]+ (KiB|B).*\n  removes about (30|31) messages over max_bytes, the oldest first\n/,
  )
  expect((await planOf({ max_age: 1e6 })).join('\n')).toMatch(
    /max_age: 7 d → 1 ms\n  removes (about )?\d+ messages over max_age, the oldest first\n    not read yet: up to/,
  )
})

test('dead letters of a release with larger limits are not lowered below what is stored without their name', async () => {
  const stream = { ...basquiatStream, maxBytes: 1024 * 1024 }
  const declared = withCompanions(stream)[1] as DeclaredStreamConfig
  const { name: letters, max_bytes: limit } = declared
  await manager.streams.add({ ...declared, max_bytes: 1024 * 1024 * 1024 })
  const client = await broker.raw('alarm-consumer')
  const letter = Buffer.alloc(stream.maxMessageBytes)
  const plan = async () =>
    makePlan({ contracts, streams: [declared] }, await observe(await broker.raw('admin'), []), {
      streamsOnly: true,
      destroy: [],
    })
  expect((await plan()).changes).toMatchObject([{ action: 'update', stream: letters }])
  checkConfirmed(await plan(), { allowDestroy: false, destroy: [] })
  for (let n = 0; n * letter.length <= limit; n++) {
    await client.request(`dead-letter.${stream.name}.alarm-consumer_alarm-to-bot.${n}.1`, letter)
  }
  const tight = await plan()
  expect(tight.changes).toMatchObject([
    { action: 'update', stream: letters, drops: [{ field: 'max_bytes', messages: 2, isEstimate: true }] },
  ])
  expect(() => checkConfirmed(tight, { allowDestroy: false, destroy: [] })).toThrow(
    new RegExp(`--allow-destroy --destroy ${letters};`),
  )
})

test('what is no plan is refused, and so is what cannot be used', async () => {
  const file = join(folder, 'plan.json')
  await writeFile(file, '{"version":2}')
  expect(await ops('apply', file)).toMatchObject({
    code: 1,
    err: expect.stringContaining('is not a plan of this release'),
  })
  expect((await ops('apply', join(folder, 'none.json'))).err).toContain('ENOENT')
  expect((await ops('apply', file, file)).err).toContain('too many arguments')
  expect((await ops('plan', '--aply')).code).toBe(1)
  expect((await ops('plan', '--help')).out).toContain('Exit code 0 when there is nothing to do, 2 when there is')
  await ops('plan', '--out', file)
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ version: 1, options: { streamsOnly: false } })
})
