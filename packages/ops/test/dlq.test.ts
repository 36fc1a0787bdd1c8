import { alarmToBot, contracts } from '@alarm-bus/contracts'
import { createJetStreamPublisher, DeadLetter, defineHandler, createBus } from '@alarm-bus/nats-kit'
import { deadLetterSubject, redriveDeadLetters } from '@alarm-bus/nats-kit/admin'
import { collectLogs, waitFor } from '@alarm-bus/nats-kit/testing'
import { jetstreamManager } from '@nats-io/jetstream'
import { headers } from '@nats-io/transport-node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Patience } from '../src/plan/patience.ts'
import { returnCopies } from '../src/plan/return-copies.ts'
import { applyDeclared, authOf, startBroker, type TestBroker } from './harness.ts'
import { runOps } from './run-ops.ts'
import { freePort, type Ran } from './run-script.ts'

type App = 'alarm-consumer' | 'log-consumer'

let broker: TestBroker
const stops: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  broker = await startBroker()
  await applyDeclared(broker)
})
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
  await broker[Symbol.asyncDispose]()
})

/** The command as people run it: a process of its own, on the sources, with admin's credentials. */
function dlq(flags: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const admin = { NATS_SERVERS: broker.server.url, NATS_ADMIN_PASSWORD: authOf('admin').password }
  return runOps(['dlq', ...flags], { ...admin, ...env })
}

/** An app under its own user, on alarm-to-bot. */
async function app(name: App, handle: (text: string) => void) {
  const bus = createBus({
    contracts,
    logger: collectLogs(),
    connection: { servers: [broker.server.url], name, auth: authOf(name) },
    streams: { mode: 'verify' },
    subscriber: { handlers: [defineHandler(alarmToBot, ({ message }) => handle(message))] },
  })
  void bus.start()
  stops.push(() => bus.stop(2_000))
  await waitFor(() => bus.health().ready, { what: `${name} to be ready` })
  return bus
}

/** Two apps of one fan-out, of which alarm-consumer fails while `down`, and two alarms that it failed on. */
async function twoLetters() {
  const state = { down: true, bot: [] as string[], log: [] as string[] }
  await app('alarm-consumer', (text) => {
    if (state.down) throw new DeadLetter('the chat answered 503')
    state.bot.push(text)
  })
  await app('log-consumer', (text) => void state.log.push(text))
  const publisher = createJetStreamPublisher(await broker.kit('producer'), { contracts })
  await publisher.publish(alarmToBot, { message: 'first' }, { id: 'id-1' })
  await publisher.publish(alarmToBot, { message: 'second' })
  await waitFor(async () => state.log.length === 2 && (await messagesOf('BASQUIAT_STREAM_DLQ')) === 2)
  return state
}

async function messagesOf(stream: string): Promise<number> {
  return (await (await jetstreamManager(await broker.raw('admin'))).streams.info(stream)).state.messages
}

describe('pnpm ops dlq', () => {
  test('lists, shows, and redrives to the one app that failed; dry unless --apply is given', async () => {
    const state = await twoLetters()
    const consumer = 'alarm-consumer_alarm-to-bot'

    const listed = await dlq(['list', '--json', '--channel', 'alarm-to-bot', '--newer-than', '1h'])
    expect(listed).toMatchObject({ code: 0, err: '' })
    const letters = [1, 2].map((seq) => ({
      seq,
      channel: 'alarm-to-bot',
      consumer,
      reason: 'handler_gave_up',
      redrives: 0,
    }))
    expect(JSON.parse(listed.out)).toMatchObject({ letters, stream: 'BASQUIAT_STREAM', count: 2 })
    const lines = await dlq(['list', '--limit', '1'])
    expect(lines.out).toMatch(
      /^1 {2}\S+Z {2}alarm-to-bot {2}alarm-consumer_alarm-to-bot {2}handler_gave_up: the chat answered 503\n$/,
    )
    expect((await dlq(['list', '--older-than', '1h'])).out).toBe('no dead letters\n')

    const shown = JSON.parse((await dlq(['show', '1', '--json'])).out) as { body: string; headers: object }
    expect(JSON.parse(shown.body)).toEqual({ message: 'first' })
    expect(shown.headers).toMatchObject({ 'Dead-Letter-Original-Nats-Msg-Id': ['id-1'] })
    expect((await dlq(['show', '2'])).out).toContain('{"message":"second"}')

    state.down = false
    const dry = await dlq(['redrive', '--json'])
    expect(dry).toMatchObject({ code: 0, err: '' })
    expect(JSON.parse(dry.out)).toMatchObject({ dryRun: true, redriven: 2, letters: [{ action: 'redriven' }, {}] })
    expect(await messagesOf('BASQUIAT_STREAM_DLQ')).toBe(2)
    expect((await dlq(['redrive'])).out).toContain('2 would be redriven; nothing was changed, --apply does it\n')

    const done = await dlq(['redrive', '--consumer', consumer, '--apply', '--rate', '100', '--json'])
    expect(JSON.parse(done.out)).toMatchObject({ dryRun: false, redriven: 2, finished: 0, skipped: {} })
    await waitFor(() => state.bot.length === 2)
    expect(state.bot.toSorted()).toEqual(['first', 'second'])
    await waitFor(async () => (await messagesOf('BASQUIAT_STREAM_REDRIVE')) === 0)
    expect(state.log).toHaveLength(2)
    expect(await messagesOf('BASQUIAT_STREAM_DLQ')).toBe(0)
  })

  test('stops a loop at --max-redrives, and discards what is not worth more', async () => {
    await twoLetters()
    expect((await dlq(['redrive', '1', '--apply'])).out).toContain('1 redriven\n')
    await waitFor(async () => (await messagesOf('BASQUIAT_STREAM_DLQ')) === 2)
    const stopped = await dlq(['redrive', '3', '--max-redrives', '1', '--apply', '--json'])
    expect(JSON.parse(stopped.out)).toMatchObject({
      letters: [{ seq: 3, redrives: 1, action: 'skipped', why: 'limit_reached' }],
      redriven: 0,
      skipped: { limit_reached: 1 },
    })
    expect((await dlq(['discard', '3'])).out).toContain('1 would be discarded; nothing was changed, --apply does it\n')
    expect(await messagesOf('BASQUIAT_STREAM_DLQ')).toBe(2)
    const all = await dlq(['discard', '--apply'])
    expect(all).toMatchObject({ code: 1, out: '' })
    expect(all.err).toContain('--all discards every letter')
    expect((await dlq(['discard', '3', '--apply'])).out).toContain('1 discarded\n')
    expect(JSON.parse((await dlq(['discard', '--all', '--apply', '--json'])).out)).toMatchObject({ discarded: 1 })
    expect(await messagesOf('BASQUIAT_STREAM_DLQ')).toBe(0)
  })

  test('redriven to an app that is away, and its reader pruned: shown, and dead letters again', async () => {
    const consumer = 'alarm-consumer_alarm-to-bot'
    const bus = await app('alarm-consumer', () => {
      throw new DeadLetter('the chat answered 503')
    })
    const publisher = createJetStreamPublisher(await broker.kit('producer'), { contracts })
    for (const message of ['first', 'second']) await publisher.publish(alarmToBot, { message }, { id: message })
    await waitFor(async () => (await messagesOf('BASQUIAT_STREAM_DLQ')) === 2)
    await bus.stop(5_000)
    expect((await dlq(['redrive', '--apply', '--rate', '100'])).out).toContain('2 redriven\n')
    expect((await dlq(['list'])).out).toBe('no dead letters\n')
    const operator = {
      NATS_SERVERS: broker.server.url,
      NATS_ADMIN_PASSWORD: authOf('admin').password,
      NATS_MIGRATOR_PASSWORD: authOf('migrator').password,
    }
    const ops = (...args: string[]) => runOps(args, operator)
    const said = `2 messages redriven to ${consumer}, which has no reader`
    const prune = ['consumers', 'prune', '--apply', '--apps', 'log-consumer', '--grace', '1ms'] as const
    expect((await ops(...prune)).out).toContain(said)
    expect((await dlq(['list'])).out).toContain(said)
    expect(JSON.parse((await dlq(['list', '--json'])).out)).toMatchObject({
      letters: [],
      redrivenWithoutReader: [{ consumer, copies: 2 }],
    })
    expect(await ops('plan')).toMatchObject({
      code: 2,
      out: expect.stringContaining(`BASQUIAT_STREAM_REDRIVE/${consumer}: return: 2 messages redriven to it`),
    })
    // Killed after the first letter is stored: the next run stores it no second time.
    const migrator = await broker.kit('migrator')
    const manager = await jetstreamManager(migrator.client, { checkAPI: false })
    manager.streams.deleteMessage = () => Promise.reject(new Error('cut off'))
    const change = {
      action: 'return',
      stream: 'BASQUIAT_STREAM_REDRIVE',
      of: 'BASQUIAT_STREAM',
      consumer,
      copies: 2,
    } as const
    const cut = returnCopies({ connection: migrator, manager }, change, contracts, new Patience(10_000))
    await expect(cut).rejects.toThrow('cut off')
    expect(await messagesOf('BASQUIAT_STREAM_DLQ')).toBe(1)

    expect((await ops('apply', '--yes')).out).toContain(`${consumer}: returned: 2 dead letters\n`)
    expect(await messagesOf('BASQUIAT_STREAM_REDRIVE')).toBe(0)
    const { letters } = JSON.parse((await dlq(['list', '--json'])).out) as { letters: readonly object[] }
    expect(letters).toMatchObject([1, 2].map(() => ({ consumer, reason: 'redrive_unread', redrives: 1 })))
    expect((await ops('plan')).code).toBe(0)

    const handled: string[] = []
    await app('alarm-consumer', (text) => void handled.push(text))
    await waitFor(() => handled.length === 2)
    expect((await dlq(['redrive', '--apply', '--rate', '100'])).out).toContain('2 redriven\n')
    await waitFor(() => handled.length === 4)
    expect(handled.slice(2).toSorted()).toEqual(['first', 'second'])
    expect(await messagesOf('BASQUIAT_STREAM_DLQ')).toBe(0)
  })

  test('is the admin’s: an app’s user can neither list nor redrive, and is told whose it is', async () => {
    await twoLetters()
    const env = { NATS_ADMIN_USER: 'alarm-consumer', NATS_ADMIN_PASSWORD: authOf('alarm-consumer').password }
    for (const flags of [['list'], ['redrive', '--apply'], ['discard', '--all', '--apply']]) {
      const { code, out, err } = await dlq(flags, env)
      expect({ code, out }).toEqual({ code: 1, out: '' })
      expect(err).toContain('NATS_ADMIN_USER')
    }
    const json = await dlq(['redrive', '--apply', '--json'], env)
    expect(JSON.parse(json.out)).toMatchObject({ letters: [], error: { code: 'permission_denied' } })
    const asApp = redriveDeadLetters(await broker.kit('log-consumer'), 'BASQUIAT_STREAM', {}, { dryRun: false })
    await expect(asApp).rejects.toMatchObject({ code: 'permission_denied' })
    expect(await messagesOf('BASQUIAT_STREAM_DLQ')).toBe(2)
    expect(await messagesOf('BASQUIAT_STREAM_REDRIVE')).toBe(0)
  })

  test('says what cannot be used, before it connects', async () => {
    const nowhere = { NATS_SERVERS: `nats://127.0.0.1:${await freePort()}` }
    for (const [flags, why] of [
      [['lsit'], "unknown command 'lsit' (Did you mean list?); expected one of: list, show, redrive, discard"],
      [['list', '--channel', 'A', '--channel', 'B'], '--channel is given twice; give it once'],
      [['list', '--reason', 'tired'], 'Expected one of: invalid_message, deliveries_exhausted'],
      [
        ['list', '--older-than', '1x'],
        "option '--older-than <age>' argument '1x' is invalid. It must be a duration such as 90s",
      ],
      [['list', '--apply'], "unknown option '--apply'"],
      [['show'], "missing required argument 'number'"],
      [['redrive', '--rate', '0'], '--rate must be messages a second'],
      [['redrive', '--nonsense'], "unknown option '--nonsense'"],
    ] as const) {
      const { code, out, err } = await dlq(flags, nowhere)
      expect({ code, out }, flags.join(' ')).toEqual({ code: 1, out: '' })
      expect(err).toContain(why)
    }
    const json = await dlq(['show', '0', '--json'], nowhere)
    expect(JSON.parse(json.out)).toMatchObject({ error: { code: 'usage' } })
    const away = await dlq(['list', '--wait-ms', '300'], nowhere)
    expect(away).toMatchObject({ code: 1 })
    expect(away.err).toMatch(/^ops dlq: waiting for the broker: .*ECONNREFUSED/)
    expect(away.err).toContain(`no broker at ${nowhere.NATS_SERVERS} within 300 ms`)
    expect((await dlq(['show', '99'])).err).toContain('no dead letter 99 in BASQUIAT_STREAM')
    for (const flag of ['--help', '-h']) expect(await dlq([flag], nowhere)).toMatchObject({ code: 0, err: '' })
  })

  test('a name that matches nothing: an error where it is not declared, and good news where it is', async () => {
    const consumer = 'alarm-consumer_alarm-to-bot'
    // Of a channel and an app that are gone: their letters can be named still.
    const client = await broker.raw('alarm-consumer')
    const gone = headers()
    for (const [name, value] of Object.entries({
      Channel: 'gone-channel',
      Consumer: consumer,
      Reason: 'invalid_message',
    }))
      gone.set(`Dead-Letter-${name}`, value)
    for (const action of ['list', 'redrive', 'discard']) {
      for (const [flag, name] of [
        ['--consumer', 'alarm-consumer_alarm-to-bto'],
        ['--channel', 'alarm-to-bto'],
        ['--channel', 'gone-channel'],
      ] as const) {
        const { code, out, err } = await dlq([action, flag, name])
        expect({ code, out }, `${action} ${flag}`).toEqual({ code: 1, out: '' })
        expect(err).toContain(`${flag} "${name}": it has no dead letters and is not declared; declared: alarm`)
      }
    }
    expect(await dlq(['list', '--consumer', consumer])).toMatchObject({ code: 0, out: 'no dead letters\n' })
    await client.request(deadLetterSubject('BASQUIAT_STREAM', consumer, 1, '1'), '{}', {
      headers: gone,
      timeout: 5_000,
    })
    expect((await dlq(['list', '--channel', 'gone-channel'])).out).toContain('gone-channel')
    expect(await dlq(['list', '--channel', 'gone-channel', '--older-than', '1h'])).toMatchObject({
      code: 0,
      out: 'no dead letters\n',
    })
    const json = await dlq(['list', '--consumer', 'nope', '--json'])
    expect(JSON.parse(json.out)).toMatchObject({ letters: [], error: { code: 'usage' } })
  })
})
