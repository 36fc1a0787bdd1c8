import { readFileSync } from 'node:fs'
import { type App, basquiatStream, contracts } from '@alarm-bus/contracts'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { findNatsServer } from '@alarm-bus/nats-server'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { expect, test } from 'vitest'
import { readApps } from '../src/apps/read-apps.ts'
import { applyStreams } from '../src/index.ts'
import { appPermissions } from '../src/permissions/app-permissions.ts'
import { renderAccounts } from '../src/permissions/render-accounts.ts'
import { API_REQUESTS, attack, CHOSEN, headersOf, targetsOf } from './attacks.ts'
import { authOf, startBroker, type TestBroker, type TestBrokerOptions } from './harness.ts'
import { consumersOf } from './neighbours.ts'
import { STREAM_NAMES } from './permissions.ts'

const apps = await readApps()
const NAMED = apps.map((app) => ({ name: app.name, app }))
const grantedTo = (app: App): readonly string[] =>
  appPermissions(app, contracts).publish.flatMap(({ subjects }) => subjects)

/** Whether a message on the subject is one on the pattern. */
function covers(pattern: string, subject: string): boolean {
  const given = subject.split('.')
  const wanted = pattern.split('.')
  if (wanted.at(-1) === '>' ? given.length < wanted.length : given.length !== wanted.length) return false
  return wanted.every((token, i) => token === '>' || token === '*' || token === given[i])
}

/** A bus that runs: each app's consumers are there, and something lies in every stream. */
async function startBus(options: TestBrokerOptions = {}, withoutConsumersOf?: App): Promise<TestBroker> {
  const broker = await startBroker(options)
  await applyStreams({ servers: [broker.server.url], auth: authOf('admin'), streams: contracts.streams })
  const admin = await broker.raw('admin')
  const clients = new Map<App, NatsConnection>()
  for (const app of apps) clients.set(app, await broker.raw(app.name))
  for (const [app, client] of clients) {
    for (const { durable, channel, stream } of app === withoutConsumersOf ? [] : consumersOf(app)) {
      const config = { name: durable, durable_name: durable, ack_policy: 'explicit', filter_subject: channel.subject }
      const create = `$JS.API.CONSUMER.CREATE.${stream}.${durable}.${channel.subject}`
      const made = await admin.request(create, JSON.stringify({ stream_name: stream, config }))
      expect(made.json()).not.toHaveProperty('error')
      await client.request(`dead-letter.${stream}.${durable}.1.1`, 'x')
      if (app.onceOnly) await client.request(`$KV.${stream}_ONCE.${durable}.1`, 'x')
    }
    for (const { subject } of app.publishes) await client.request(subject, '{}')
    if (app.idempotency) await client.request(`idempotency.${STREAM_NAMES[0]}.first`, 'x')
  }
  // What is answered to a request is chosen by the responder.
  for (const [app, client] of clients) {
    for (const { subject } of app.answers.filter(({ stored }) => !stored)) {
      let asked = 0
      client.subscribe(subject, {
        queue: app.name,
        callback: (_, message) => void message.respond(CHOSEN[asked++ % CHOSEN.length]),
      })
    }
    await client.flush()
  }
  for (const { durable, stream } of apps.flatMap(consumersOf))
    await admin.request(`redrive.${stream}.${durable}.1.1.1`, 'x')
  return broker
}

/** All that the broker holds apart from what the app may write: its subjects and its consumers. */
async function stateFor(app: App, admin: NatsConnection): Promise<unknown> {
  const granted = [...grantedTo(app), ...(app.operatesBus ? ['dead-letter.>', 'dead-letter-share.>'] : [])]
  const own = new Set(consumersOf(app).flatMap(({ durable }) => [durable, `${durable}_redrive`]))
  // A cursor that its one reader sets as it likes, and no other app may.
  if (app.watchesBus) own.add('dead-letter-watch')
  const ask = async <T>(subject: string, body: object): Promise<T> =>
    (await admin.request(`$JS.API.${subject}`, JSON.stringify(body))).json<T>()
  const { streams } = await ask<{ readonly streams: readonly string[] | null }>('STREAM.NAMES', {})
  const state: Record<string, unknown> = {}
  for (const name of (streams ?? []).toSorted()) {
    const {
      created,
      config,
      state: stored,
    } = await ask<{
      readonly created: string
      readonly config: object
      readonly state: { readonly subjects?: Readonly<Record<string, number>> }
    }>(`STREAM.INFO.${name}`, { subjects_filter: '>' })
    const others = Object.entries(stored.subjects ?? {}).filter(
      ([subject]) => !granted.some((pattern) => covers(pattern, subject)),
    )
    const { consumers } = await ask<{
      readonly consumers: readonly { readonly name: string; readonly delivered: object; readonly ack_floor: object }[]
    }>(`CONSUMER.LIST.${name}`, {})
    const theirs = consumers.flatMap(({ name: consumer, delivered, ack_floor: floor, ...rest }) => {
      const { created: made, config: set, paused } = rest as Readonly<Record<string, unknown>>
      return own.has(consumer) ? [] : [{ consumer, delivered, floor, made, set, paused }]
    })
    state[name] = { created, config, subjects: Object.fromEntries(others.toSorted()), theirs }
  }
  return state
}

/** Attacks as the app, and tells what was there before and after, and what others heard. */
async function attacked(broker: TestBroker, app: App) {
  const admin = await broker.raw('admin')
  const heard: string[] = []
  for (const other of [...apps.filter((one) => one !== app).map(({ name }) => name), 'admin', 'migrator']) {
    const client = await broker.raw(other)
    client.subscribe(`_INBOX_${other}.forged`, { callback: (_, { subject }) => void heard.push(subject) })
    await client.flush()
  }
  const before = await stateFor(app, admin)
  const sent = await attack(await broker.raw(app.name), app, targetsOf(app, apps))
  let after = await stateFor(app, admin)
  // What the server is still at is over when nothing changes any more.
  for (let again = await stateFor(app, admin); JSON.stringify(again) !== JSON.stringify(after);) {
    after = again
    again = await stateFor(app, admin)
  }
  return { before, after, heard, sent }
}

test.each(NAMED)(
  'whatever $name asks for, and wherever it has that answered, nothing changes that is not its own',
  async ({ app }) => {
    await using broker = await startBus()
    const { before, after, heard, sent } = await attacked(broker, app)
    expect(sent).toBeGreaterThan(1_000)
    expect(after).toEqual(before)
    expect(heard).toEqual([])
  },
  120_000,
)

test.each(NAMED)(
  'in one account $name destroys what is not its own by the same requests',
  async ({ app }) => {
    const files = renderAccounts(
      apps.map((one) => appPermissions(one, contracts)),
      { oneAccount: true },
    )
    await using broker = await startBus({ files })
    const { before, after } = await attacked(broker, app)
    expect(after).not.toEqual(before)
  },
  120_000,
)

// Why publishing goes through the mapping between accounts, too (decisions/027).
test('a user of the bus’s account that may publish its channels alone destroys nothing, and has acks stored as records of others', async () => {
  const [app] = apps.filter(({ publishes, idempotency }) => publishes.length > 0 && idempotency) as [App]
  const files = renderAccounts(apps.map((one) => appPermissions(one, contracts)))
  const subjects = app.publishes.map(({ subject }) => JSON.stringify(subject)).join()
  const rights = `publish: { allow: [${subjects}] }, subscribe: { allow: ["_INBOX_direct.>"] }`
  const user = `users = [ { user: direct, password: direct, permissions { ${rights} } }\n`
  const users = files['nats.permissions.conf'].replace('users = [', user)
  await using broker = await startBus({ files: { ...files, 'nats.permissions.conf': users } })
  const admin = await broker.raw('admin')
  type State = Readonly<Record<string, { readonly created: string; readonly config: object; readonly theirs: unknown }>>
  const keptOf = (state: State) =>
    Object.entries(state).map(([name, { created, config }]) => ({ name, created, config }))
  const before = (await stateFor(app, admin)) as State
  const targets = targetsOf(app, apps)
  const inboxPrefix = '_INBOX_direct'
  const client = await connect({ servers: broker.server.url, user: 'direct', pass: 'direct', inboxPrefix })
  const subject = app.publishes[0]?.subject ?? ''
  for (const reply of targets) for (const body of ['', '{}']) client.publish(subject, body, { reply })
  for (const set of headersOf(targets)) client.publish(subject, '{}', { headers: set })
  await client.request(subject, '{}')
  await client.close()
  const stored = async () => {
    const { state } = (
      await admin.request(`$JS.API.STREAM.INFO.KV_${STREAM_NAMES[0]}_ONCE`, '{"subjects_filter":">"}')
    ).json<{
      readonly state: { readonly subjects: object }
    }>()
    return Object.keys(state.subjects).filter((one) => one.endsWith('.7'))
  }
  await waitFor(async () => (await stored()).length > 0, { what: 'an ack that is stored as a record' })
  const after = (await stateFor(app, admin)) as State
  expect(keptOf(after)).toEqual(keptOf(before))
  expect(after).not.toEqual(before)
}, 120_000)

test.each(NAMED.filter(({ app }) => app.handles.length > 0))(
  'an ack subject of $name that names another’s consumer where a number belongs asks for nothing',
  async ({ app }) => {
    await using broker = await startBus()
    const [admin, client] = [await broker.raw('admin'), await broker.raw(app.name)]
    const [own] = consumersOf(app)
    const inbox = `_INBOX_${app.name}.forged`
    const heard: string[] = []
    client.subscribe(inbox, { callback: (_, { subject }) => void heard.push(subject) })
    const before = await stateFor(app, admin)
    const others = apps.filter((one) => one !== app).flatMap(consumersOf)
    for (const { durable, stream } of others) {
      const names = [`${stream}.${durable}`, `${stream}_REDRIVE.${durable}_redrive`]
      for (const name of names)
        for (const subject of [
          `$JS.ACK.${name}.${own?.stream}.${own?.durable}.1.1.1`,
          `$JS.ACK.${own?.stream}.${own?.durable}.${name}.1.1.1`,
          `$JS.ACK.${own?.stream}.${own?.durable}.${name}.1.1.1.1.0`,
          `$JS.ACK.${name}.${own?.stream}.${own?.durable}.1.1.1.1.0`,
        ])
          for (const body of ['+NXT', '+TERM', '-NAK', '+ACK']) client.publish(subject, body, { reply: inbox })
    }
    await client.flush()
    await client.request(`$JS.API.STREAM.INFO.${STREAM_NAMES[0]}`)
    // Its own messages it may ask for in whichever way.
    const handled = new Set(app.handles.map(({ channel }) => channel.subject))
    expect(heard.filter((subject) => subject !== inbox && !handled.has(subject))).toEqual([])
    expect(await stateFor(app, admin)).toEqual(before)
  },
)

/** What shapes a consumer beside its name and its filter, each of which would reach what is another's. */
function shapedBy(app: App) {
  const others = apps.filter((one) => one !== app).flatMap(consumersOf)
  const victims = others.filter(({ durable }) => !/_\d$/.test(durable))
  return victims.flatMap(({ durable, stream }) => [
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.${durable}`,
    `$JS.API.CONSUMER.RESET.${stream}.${durable}`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}_REDRIVE.${durable}_redrive`,
  ])
}

/** Three messages on each channel of the stream; stored requests are left out. */
async function fill(producer: NatsConnection): Promise<void> {
  for (const { subject } of basquiatStream.channels.filter((channel) => !channel.subject.endsWith('*')))
    for (let i = 0; i < 3; i++) await producer.request(subject, '{}')
}

test.each(NAMED.filter(({ app }) => app.handles.length > 0))(
  'what $name makes of its consumers reaches no consumer of another',
  async ({ app }) => {
    // Names that the app may use and has not: those of its fan-out instances, say.
    await using broker = await startBus({}, app)
    const [admin, client] = [await broker.raw('admin'), await broker.raw(app.name)]
    const writer = await broker.raw('producer')
    await fill(writer)
    const before = await stateFor(app, admin)
    const own = consumersOf(app)
    for (const [i, deliver_subject] of shapedBy(app).entries()) {
      const { durable, channel, stream } = own[i % own.length] as (typeof own)[number]
      const set = { name: durable, durable_name: durable, ack_policy: 'explicit', filter_subject: channel.subject }
      const config = { ...set, deliver_subject, ...(i % 2 === 0 && { headers_only: true }) }
      // Refused, or answered by nobody: that nothing changes is what counts.
      await client
        .request(
          `$JS.API.CONSUMER.CREATE.${stream}.${durable}.${channel.subject}`,
          JSON.stringify({ stream_name: stream, config }),
          { timeout: 2_000 },
        )
        .catch(() => undefined)
    }
    await fill(writer)
    let after = await stateFor(app, admin)
    for (let again = await stateFor(app, admin); JSON.stringify(again) !== JSON.stringify(after);) {
      after = again
      again = await stateFor(app, admin)
    }
    expect(withoutChannels(after)).toEqual(withoutChannels(before))
  },
  60_000,
)

/** What the writer has put there beside. */
function withoutChannels(state: unknown): unknown {
  const subjects = new Set(contracts.channels.map(({ subject }) => subject))
  return JSON.parse(JSON.stringify(state, (key, value) => (subjects.has(key) ? undefined : (value as unknown))))
}

test('the requests are all that this server knows', async () => {
  const { path } = await findNatsServer()
  const known = new Set(API_REQUESTS.map((request) => request.replace(/\.(S|OTHER|ALARM_BUS)(\.[SC])?$/, '')))
  const found = new Set<string>()
  for (const [, request = ''] of readFileSync(path, 'latin1').matchAll(/\$JS\.API\.([A-Z]+(?:\.[A-Z]+)+)/g))
    found.add(request)
  expect(found.size).toBeGreaterThan(20)
  // Texts lie side by side in the binary, so a name may seem to go on.
  const unknown = [...found].filter((request) => ![...known].some((one) => request.startsWith(one)))
  expect(unknown).toEqual([])
})
