import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { contracts } from '@alarm-bus/contracts'
import type { Connection } from '@alarm-bus/nats-kit'
import { listDeadLetters, showDeadLetter } from '@alarm-bus/nats-kit/admin'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { AckPolicy, type JetStreamManager, jetstreamManager, RetentionPolicy } from '@nats-io/jetstream'
import type { Msg, NatsConnection } from '@nats-io/transport-node'
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import { applyStreams } from '../src/index.ts'
import type { Plan } from '../src/plan/plan.ts'
import { retireAdvisories } from '../src/plan/retire-advisories.ts'
import { Patience } from '../src/plan/patience.ts'
import {
  applyDeclared,
  authOf,
  repository,
  startBroker,
  type TestBroker,
  type TestBrokerOptions,
  oneAccount,
} from './harness.ts'
import { opsOf } from './in-process.ts'

const STREAM = 'BASQUIAT_STREAM'
const ADVISORIES = `${STREAM}_ADVISORIES`
const APP = 'alarm-consumer'
const CONSUMER = `${APP}_alarm-to-bot`
const READER = `${CONSUMER}_advisories`
const ADVISORY_PREFIX = '$JS.EVENT.ADVISORY.CONSUMER'
const ACK_WAIT_MS = 300

let broker: TestBroker
let admin: Connection
let manager: JetStreamManager
let migrator: JetStreamManager
let app: NatsConnection

beforeEach(() => setUp())
afterEach(() => broker[Symbol.asyncDispose]())

const folder = mkdtempSync(join(tmpdir(), 'alarm-bus-retire-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function setUp(options: TestBrokerOptions = {}): Promise<void> {
  broker = await startBroker(options)
  admin = await broker.kit('admin')
  manager = await jetstreamManager(admin.client, { checkAPI: false })
  migrator = await jetstreamManager(await broker.raw('migrator'), { checkAPI: false })
  app = await broker.raw(APP)
  await applyStreams({ servers: [broker.server.url], auth: authOf('admin'), streams: contracts.streams })
  await makeOldForm()
  await applyDeclared(broker)
}

/** As kits before 1.0 made it: a stream of advisories, a consumer with a bound of the server's, and one that reads. */
async function makeOldForm(): Promise<void> {
  await manager.streams.add({
    name: ADVISORIES,
    subjects: ['MAX_DELIVERIES', 'MSG_TERMINATED'].map((kind) => `${ADVISORY_PREFIX}.${kind}.${STREAM}.*`),
    retention: RetentionPolicy.Workqueue,
    max_bytes: 64 * 1024 * 1024,
  })
  await makeConsumer()
  await migrator.consumers.add(ADVISORIES, {
    durable_name: READER,
    filter_subject: `${ADVISORY_PREFIX}.*.${STREAM}.${CONSUMER}`,
    ack_policy: AckPolicy.Explicit,
    max_deliver: -1,
  })
}

async function makeConsumer(): Promise<void> {
  await migrator.consumers.add(STREAM, {
    durable_name: CONSUMER,
    filter_subject: 'alarm.to.bot',
    ack_policy: AckPolicy.Explicit,
    ack_wait: ACK_WAIT_MS * 1_000_000,
    max_deliver: 1,
  })
}

const ops = (command: string, ...flags: string[]) => opsOf(broker, {}, command, ...flags)
const plan = async () => JSON.parse((await ops('plan', '--json')).out) as Plan
const advisories = async () => (await manager.streams.info(ADVISORIES)).state.messages
const streams = async () => (await manager.streams.list().next()).map(({ config }) => config.name)

async function publish(body: string, headers?: string): Promise<void> {
  const block = headers === undefined ? {} : { headers: { encode: () => Buffer.from(headers) } as never }
  await (await broker.raw('producer')).request('alarm.to.bot', body, { ...block, timeout: 5_000 })
}

/** The next message of the consumer, with an app that does nothing with it. */
function take(): Promise<Msg> {
  return app.request(`$JS.API.CONSUMER.MSG.NEXT.${STREAM}.${CONSUMER}`, '{"batch":1}', { timeout: 5_000, noMux: true })
}

/** @returns the nanoseconds when it was stored, as the server tells consumers. */
async function givenUp(body: string, headers?: string): Promise<string | undefined> {
  const before = await advisories()
  await publish(body, headers)
  const { reply } = await take()
  await waitFor(async () => (await advisories()) > before, { what: `the server to give up ${body}` })
  return reply?.split('.')[7]
}

async function ended(body: string, how: string): Promise<void> {
  const before = await advisories()
  await publish(body)
  ;(await take()).respond(how)
  await waitFor(async () => (await advisories()) > before, { what: `the advisory of ${how}` })
}

async function letters() {
  const found = []
  for await (const { seq } of listDeadLetters(admin, STREAM)) {
    const letter = await showDeadLetter(admin, STREAM, seq)
    if (!letter) continue
    const { reason, error, consumer, channel, deliveries, lost, original } = letter.entry
    const { data, headerBytes } = letter.original
    const body = Buffer.from(data).toString()
    found.push({ reason, error, consumer, channel, deliveries, lost, seq: original.seq, body, headerBytes })
  }
  return found
}

const OLD_TEXT = 'no answer to 1 deliveries: the process died, or the handler hung'

test('what the advisories say becomes dead letters with the original’s bytes, and the stream goes; then there is nothing to do', async () => {
  const odd = 'NATS/1.0\r\nodd näme: x\r\n\r\n'
  const storedNanos = await givenUp('given up')
  await givenUp('odd', odd)
  await ended('elsewhere', '+TERM by hand')
  // The kit ends a message after its dead letter is stored.
  await ended('known', '+TERM invalid_message')
  // Removed while a consumer has it: the server ends it, and there is nothing left to keep.
  await publish('removed')
  await take()
  await migrator.streams.deleteMessage(STREAM, 5, false)
  await waitFor(
    async () => {
      app.publish(`$JS.API.CONSUMER.MSG.NEXT.${STREAM}.${CONSUMER}`, '{"batch":1,"no_wait":true}', {
        reply: '_INBOX_alarm-consumer.none',
      })
      return (await advisories()) === 5
    },
    { what: 'the advisory of a removed message' },
  )
  // A consumer that no app made.
  const raw = await broker.raw('migrator')
  raw.subscribe('_INBOX_migrator.by-hand', { callback() {} })
  await migrator.consumers.add(STREAM, {
    durable_name: 'by-hand',
    deliver_subject: '_INBOX_migrator.by-hand',
    filter_subject: 'alarm.to.bot',
    ack_policy: AckPolicy.Explicit,
    ack_wait: ACK_WAIT_MS * 1_000_000,
    max_deliver: 1,
  })
  await waitFor(async () => (await advisories()) === 9, { what: 'the advisories of a consumer by hand' })
  // Its own bound is left as it is.
  await publish('still pending')

  const planned = await ops('plan')
  expect(planned.code).toBe(2)
  expect(planned.out).toContain(
    `${ADVISORIES}: retire: 9 advisories of a kit before 1.0 become dead letters, then it is removed\n`,
  )
  expect(planned.out).toContain(`  ${STREAM}/${CONSUMER} max_deliver: 1 → -1\n`)
  expect(await letters()).toEqual([])

  const { code, out, err } = await ops('apply', '--yes')
  expect({ code, err }).toEqual({ code: 0, err: '' })
  // The one that was still pending may be given up meanwhile.
  expect(out).toMatch(
    /_ADVISORIES: retired: 3 dead letters, 1 that had their dead letter, 1 of messages that a limit or a purge had removed, [45] of consumers that no app made\n/,
  )
  const of = { consumer: CONSUMER, channel: 'alarm-to-bot', deliveries: 1, lost: false, headerBytes: undefined }
  expect(await letters()).toEqual([
    { ...of, reason: 'never_settled', error: OLD_TEXT, seq: 1, body: 'given up' },
    {
      ...of,
      reason: 'never_settled',
      error: OLD_TEXT,
      seq: 2,
      body: 'odd',
      headerBytes: new Uint8Array(Buffer.from(odd)),
    },
    { ...of, reason: 'terminated_elsewhere', error: 'terminated: by hand', seq: 3, body: 'elsewhere' },
  ])
  // The name that a kit would have given it: one that it had stored already would be known.
  const first = await manager.streams.getMessage(`${STREAM}_DLQ`, { seq: 1 })
  expect(first?.subject).toBe(`dead-letter.${STREAM}.${CONSUMER}.1.${storedNanos}`)
  expect(await streams()).not.toContain(ADVISORIES)
  expect((await manager.consumers.info(STREAM, CONSUMER)).config.max_deliver).toBe(-1)
  expect((await manager.consumers.info(STREAM, 'by-hand')).config.max_deliver).toBe(1)

  expect((await plan()).changes).toEqual([])
  expect((await ops('apply', '--yes')).code).toBe(0)
  expect(await letters()).toHaveLength(3)
})

test('while an instance with an older kit reads it, it is left, and plan and apply say so', async () => {
  await broker[Symbol.asyncDispose]()
  const users = readFileSync(new URL('before-1.0/nats.permissions.conf', import.meta.url), 'utf8')
  await setUp({ files: oneAccount(users) })
  const next = `$JS.API.CONSUMER.MSG.NEXT.${ADVISORIES}.${READER}`
  const waits = app.subscribe('_INBOX_alarm-consumer.waits', { callback() {} })
  app.publish(next, '{"batch":1}', { reply: '_INBOX_alarm-consumer.waits' })
  await waitFor(async () => (await manager.consumers.info(ADVISORIES, READER)).num_waiting === 1)

  const left = `${ADVISORIES}: left alone: instances with a kit before 1.0 still run, which read it (${READER}); when they have stopped, run \`pnpm ops apply\` again\n`
  const planned = await ops('plan')
  expect(planned).toMatchObject({ code: 0, out: expect.stringContaining(left) })
  expect(planned.out).toContain(`nothing to do now: ${ADVISORIES} waits for instances with an older kit to stop`)
  expect(await ops('apply', '--yes')).toMatchObject({ code: 0, out: expect.stringContaining(left) })
  expect(await streams()).toContain(ADVISORIES)
  // The bound is that instance's own, which has the server give up what it then keeps.
  expect((await manager.consumers.info(STREAM, CONSUMER)).config.max_deliver).toBe(1)

  // Nobody listens any more, so its request is no longer one.
  waits.unsubscribe()
  await app.flush()
  await waitFor(async () => (await plan()).changes.length === 1, { what: 'the request to end' })
  // It is started again after the plan was shown: what apply finds is looked at once more.
  const file = join(folder, 'plan.json')
  await ops('plan', '--out', file)
  const again = app.subscribe('_INBOX_alarm-consumer.again', { callback() {} })
  app.publish(next, '{"batch":1}', { reply: '_INBOX_alarm-consumer.again' })
  await waitFor(async () => (await manager.consumers.info(ADVISORIES, READER)).num_waiting === 1)
  const refused = await ops('apply', file)
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('has changed since the plan was made') })
  const connection = await broker.kit('migrator')
  const own = await jetstreamManager(connection.client, { checkAPI: false })
  const change = { action: 'retire', stream: ADVISORIES, of: STREAM, advisories: 0, unlimited: [] } as const
  await expect(retireAdvisories({ connection, manager: own }, change, contracts, new Patience(30_000))).rejects.toThrow(
    `instances with a kit before 1.0 read ${ADVISORIES} (${READER}); it stays`,
  )
  expect(await streams()).toContain(ADVISORIES)

  again.unsubscribe()
  await app.flush()
  await waitFor(async () => (await plan()).changes.length === 1, { what: 'the request to end' })
  expect((await ops('apply', '--yes')).out).toContain(`${ADVISORIES}: retired\n`)
  expect(await streams()).not.toContain(ADVISORIES)
})

test('a run that is cut off is made up for by the next: one dead letter a message', async () => {
  for (const body of ['one', 'two', 'three']) await givenUp(body)
  const connection = await broker.kit('migrator')
  const file = join(folder, 'plan.json')
  for (const cutAt of ['deleteMessage', 'delete'] as const) {
    const manager = await jetstreamManager(connection.client, { checkAPI: false })
    // Killed after the dead letter is stored and before its advisory is gone; then before the stream is gone.
    Object.assign(manager.streams, { [cutAt]: () => Promise.reject(new Error('cut off')) })
    const change = { action: 'retire', stream: ADVISORIES, of: STREAM, advisories: 0, unlimited: [] } as const
    const until = new Patience(30_000)
    await expect(retireAdvisories({ connection, manager }, change, contracts, until)).rejects.toThrow('cut off')
    expect(await letters()).toHaveLength(cutAt === 'delete' ? 3 : 1)
    expect((await plan()).changes).toMatchObject([{ action: 'retire' }])
    if (cutAt === 'deleteMessage') await ops('plan', '--out', file)
  }
  // How many advisories there are comes and goes, and does not make it another plan.
  expect(await ops('apply', file)).toMatchObject({ code: 0, err: '' })
  expect((await letters()).map(({ body }) => body)).toEqual(['one', 'two', 'three'])
  expect(await streams()).not.toContain(ADVISORIES)
})

test('of a stream that was made again, the new message under the number is not taken; nor is a failure forgotten', async () => {
  await givenUp('the victim')
  const { config } = await manager.streams.info(STREAM)
  await migrator.streams.delete(STREAM)
  await manager.streams.add(config)
  await makeConsumer()
  await publish('another message')
  const { out } = await ops('apply', '--yes')
  expect(out).toContain(`${ADVISORIES}: retired: 1 dead letters whose message has left the stream\n`)
  expect(await letters()).toMatchObject([{ reason: 'never_settled', seq: 1, lost: true, body: '' }])
  expect((await take()).string()).toBe('another message')
})

test('without the apps’ declarations it is left, and a stream of that name that is another’s is unknown', async () => {
  await givenUp('given up')
  const job = await ops('apply', '--streams-only', '--yes')
  expect(job.code).toBe(0)
  const note = `${ADVISORIES}: left alone: of a kit before 1.0, with 1 advisories; with the migrator’s password, and without --streams-only, it is retired\n`
  expect((await ops('plan', '--streams-only')).out).toContain(note)
  expect(await streams()).toContain(ADVISORIES)

  await migrator.streams.delete(ADVISORIES)
  await manager.streams.add({ name: ADVISORIES, subjects: ['weather'], max_bytes: 1_000_000 })
  expect((await plan()).notes).toContainEqual({ kind: 'unknown', stream: ADVISORIES, messages: 0 })
})

test('a migrator without the new rights is told which one, and what is there stays', async () => {
  await broker[Symbol.asyncDispose]()
  const rights = readFileSync(`${repository}nats.migrator.conf`, 'utf8')
  const old = rights
    .split('\n')
    .filter((line) => !/MSG\.GET|dead-letter/.test(line))
    .join('\n')
  const [permissions, accounts] = ['nats.permissions.conf', 'nats.accounts.conf'].map((file) =>
    readFileSync(`${repository}${file}`, 'utf8'),
  ) as [string, string]
  await setUp({
    files: {
      'nats.permissions.conf': permissions.replace('include "nats.migrator.conf"', old),
      'nats.accounts.conf': accounts,
    },
  })
  await givenUp('given up')
  const { code, err } = await ops('apply', '--yes')
  expect(code).toBe(1)
  expect(err).toContain(`Permissions Violation for Publish to "$JS.API.STREAM.MSG.GET.${ADVISORIES}"`)
  expect(err).toContain('`pnpm ops permissions`')
  expect(await advisories()).toBe(1)
})
