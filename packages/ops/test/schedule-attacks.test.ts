import { defineApp, defineChannel, defineContracts, defineStream } from '@alarm-bus/contracts'
import { createBus } from '@alarm-bus/nats-kit'
import { dueSubject, schedulesStreamName, scheduleSubject } from '@alarm-bus/nats-kit/admin'
import { collectLogs, waitFor } from '@alarm-bus/nats-kit/testing'
import { headers, type NatsConnection } from '@nats-io/transport-node'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { applyStreams } from '../src/index.ts'
import { appPermissions } from '../src/permissions/app-permissions.ts'
import { renderAccounts } from '../src/permissions/render-accounts.ts'
import { authOf, startBroker } from './harness.ts'

const channelOf = (name: string) =>
  defineChannel({
    name,
    subject: `alarm.${name}`,
    description: 'a test',
    schema: z.object({ text: z.string() }),
    compatibility: 'none',
  })
const mine = channelOf('mine')
const theirs = channelOf('theirs')
const stream = defineStream({
  name: 'BOTH',
  description: 'two apps schedule on it, each its own channel',
  channels: [mine, theirs],
  scheduled: [mine, theirs],
  maxAgeMs: 3_600_000,
  maxMessages: 10_000,
  maxBytes: 64 * 1024 * 1024,
})
const contracts = defineContracts({ channels: [mine, theirs], streams: [stream] })
const appOf = (name: string, channel: typeof mine) =>
  defineApp({ name, owner: 'tests', description: 'schedules', publishes: [channel], schedules: [channel] })
// Named after users that have a password.
const attacker = appOf('producer', mine)
const victim = appOf('log-consumer', theirs)
const apps = [attacker, victim]

const FAR = '@at 2099-01-01T00:00:00Z'
const OWN = scheduleSubject('BOTH', 'mine', 'x', 'g', 0)
const THEIRS = scheduleSubject('BOTH', 'theirs', 'kept', 'g', 0)

async function start() {
  const broker = await startBroker({ files: renderAccounts(apps.map((app) => appPermissions(app, contracts))) })
  await applyStreams({
    servers: [broker.server.url],
    auth: authOf('admin'),
    streams: contracts.streams,
    consumers: { apps, contracts },
  })
  return broker
}

/** What the stream answers to a message with these headers: its error's code, or 0. */
async function codeOf(
  client: NatsConnection,
  subject: string,
  lines: Readonly<Record<string, string>>,
): Promise<number> {
  const set = headers()
  for (const [name, value] of Object.entries(lines)) set.set(name, value)
  const answer = (await client.request(subject, '{"text":"forged"}', { headers: set, timeout: 5_000 })).json<{
    readonly error?: { readonly err_code: number }
  }>()
  return answer.error?.err_code ?? 0
}

test('no schedule of an app reaches a subject that is not its own, and none of another app is ended or replaced', async () => {
  await using broker = await start()
  const client = await broker.raw(attacker.name)
  const victims = await broker.raw(victim.name)
  const admin = await broker.raw('admin')
  expect(
    await codeOf(victims, THEIRS, {
      'Nats-Schedule': FAR,
      'Nats-Schedule-Target': dueSubject('BOTH', 'theirs', 'kept', 'g'),
    }),
  ).toBe(0)

  const foreign = [
    theirs.subject,
    `core.${theirs.subject}`,
    mine.subject,
    THEIRS,
    dueSubject('BOTH', 'theirs', 'kept', 'g'),
    '$JS.API.STREAM.DELETE.BOTH',
    '$JS.API.STREAM.PURGE.BOTH_SCHEDULES_theirs',
    '$JS.API.CONSUMER.CREATE.BOTH',
    '$JS.ACK.BOTH_SCHEDULES_theirs.log-consumer_theirs_due.1.1.1.1.0',
    'dead-letter.BOTH.log-consumer_theirs.1.1',
    'redrive.BOTH.log-consumer_theirs.1.1.1',
    '_INBOX_log-consumer.forged',
    '_INBOX_admin.forged',
    '$SYS.REQ.SERVER.PING',
    'schedule-due.BOTH.*.x.g',
    'schedule-due.BOTH.>',
    '>',
  ]
  for (const target of foreign) {
    const named = { 'Nats-Schedule': '@at 2020-01-01T00:00:00Z', 'Nats-Schedule-Target': target }
    expect([target, await codeOf(client, OWN, named)]).toEqual([target, 10_190])
    const source = {
      'Nats-Schedule': FAR,
      'Nats-Schedule-Target': dueSubject('BOTH', 'mine', 'x', 'g'),
      'Nats-Schedule-Source': target,
    }
    expect([target, await codeOf(client, OWN, source)]).toEqual([target, 10_203])
  }
  // To end another's: by what it publishes in its own stream, on its channel, and onto the other's subjects.
  const purge = { 'Nats-Scheduler': THEIRS, 'Nats-Schedule-Next': 'purge' }
  await codeOf(client, OWN, purge)
  expect(await codeOf(client, mine.subject, purge)).toBe(10_188)
  for (const subject of [THEIRS, scheduleSubject('BOTH', 'theirs', 'kept', 'g', 1)]) {
    await expect(codeOf(client, subject, purge)).rejects.toThrow()
    await expect(codeOf(client, subject, { 'Nats-Rollup': 'all' })).rejects.toThrow()
  }
  const left = (await admin.request('$JS.API.STREAM.INFO.BOTH_SCHEDULES_theirs', '{"subjects_filter":">"}')).json<{
    readonly state: { readonly subjects: object }
  }>()
  expect(left.state.subjects).toEqual({ [THEIRS]: 1 })
  expect(schedulesStreamName('BOTH', 'theirs')).toBe('BOTH_SCHEDULES_theirs')
})

test('whatever an app has fall due, it is published on its own channel, by its own right, and removes nothing', async () => {
  await using broker = await start()
  const victims = await broker.raw(victim.name)
  await victims.request(theirs.subject, '{"text":"stays"}')
  const logger = collectLogs()
  const bus = createBus({
    contracts,
    app: attacker,
    connection: { servers: broker.servers, name: attacker.name, auth: authOf(attacker.name) },
    logger,
    streams: { mode: 'verify' },
    publisher: {},
  })
  await bus.start()
  const client = await broker.raw(attacker.name)
  const set = headers()
  for (const [name, value] of [
    ['Nats-Schedule', '@at 2020-01-01T00:00:00Z'],
    ['Nats-Schedule-Target', dueSubject('BOTH', 'mine', 'x', 'g')],
    ['Nats-Schedule-Rollup', 'sub'],
    // The server takes the first of them away.
    ['Nats-Rollup', 'sub'],
    ['Nats-Rollup', 'all'],
    ['Nats-Msg-Id', 'a'],
    ['Nats-Msg-Id', 'b'],
    ['Nats-TTL', '1s'],
    ['Nats-Stream-Source', 'BOTH 1'],
    ['Schedule-Id', 'other'],
    ['Custom', 'kept'],
  ] as const)
    set.append(name, value)
  client.publish(OWN, '{"text":"forged"}', { headers: set })
  set.delete('Nats-Stream-Source')
  client.publish(OWN, '{"text":"forged"}', { headers: set })
  // A subject of its own stream that is no due one: it falls due there and goes nowhere.
  await codeOf(client, scheduleSubject('BOTH', 'mine', 'y', 'g', 0), {
    'Nats-Schedule': '@at 2020-01-01T00:00:00Z',
    'Nats-Schedule-Target': dueSubject('BOTH', 'mine', 'z', 'g'),
  })
  await waitFor(() => logger.lines.some(({ fields }) => fields['event'] === 'dueUnreadable'), { deadlineMs: 20_000 })
  await bus.publisher.schedule(mine, { text: 'honest' }, { delayMs: 500 })
  const admin = await broker.raw('migrator')
  const inOrder = async () => {
    const { state } = (await admin.request('$JS.API.STREAM.INFO.BOTH', '{"subjects_filter":">"}')).json<{
      readonly state: { readonly subjects: Readonly<Record<string, number>>; readonly last_seq: number }
    }>()
    return state
  }
  await waitFor(async () => ((await inOrder()).subjects[mine.subject] ?? 0) >= 2, { deadlineMs: 20_000 })
  expect((await inOrder()).subjects).toEqual({ [theirs.subject]: 1, [mine.subject]: 2 })
  const forged = (await admin.request('$JS.API.STREAM.MSG.GET.BOTH', '{"seq":2}')).json<{
    readonly message: { readonly hdrs: string }
  }>()
  const block = Buffer.from(forged.message.hdrs, 'base64').toString()
  expect(block).toContain('Custom: kept')
  expect(block).not.toMatch(/Rollup|TTL|Scheduler|Source|other/)
  expect(block.match(/Nats-Msg-Id/g)).toHaveLength(1)
  await bus.stop(5_000)
}, 60_000)

test('two apps that schedule one channel are refused: each could end the schedules of the other', () => {
  const both = [attacker, appOf('log-consumer', mine)]
  expect(() => renderAccounts(both.map((app) => appPermissions(app, contracts)))).toThrow(/producer and log-consumer/)
  const unscheduled = defineContracts({
    channels: [mine, theirs],
    streams: [defineStream({ ...stream, scheduled: [] })],
  })
  expect(() => appPermissions(attacker, unscheduled)).toThrow(/cannot be scheduled/)
})
