import { alarmDelivery, alarmLogged, contracts } from '@alarm-bus/contracts'
import {
  type Connection,
  createRequester,
  createResponders,
  defineResponder,
  KitError,
  KitErrorCode,
  remoteErrorOf,
  type Responders,
} from '@alarm-bus/nats-kit'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { readApps } from '../src/apps/read-apps.ts'
import { appPermissions } from '../src/permissions/app-permissions.ts'
import { renderAccounts } from '../src/permissions/render-accounts.ts'
import { startBroker, type TestBroker } from './harness.ts'

const apps = await readApps()
const inOneAccount = renderAccounts(
  apps.map((app) => appPermissions(app, contracts)),
  { oneAccount: true },
)
const ASKED = { channel: 'alarm-to-bot', id: 'a' }

const opened: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

async function start(options: Parameters<typeof startBroker>[0]): Promise<TestBroker> {
  const broker = await startBroker(options)
  opened.push(async () => broker[Symbol.asyncDispose]())
  return broker
}

function requesterOf(connection: Connection) {
  const requester = createRequester(connection, { contracts })
  opened.push(async () => requester.close())
  return requester
}

/** An instance of alarm-consumer, which answers with its number. */
async function answering(broker: TestBroker, instance: number): Promise<Responders> {
  const connection = await broker.kit('alarm-consumer')
  const responders = createResponders(connection, {
    contracts,
    responders: [
      defineResponder(alarmDelivery, ({ id }, context) => {
        if (id === 'unknown') throw context.error('unknown_message', {})
        return { state: 'delivered', sinks: [{ name: String(instance), state: 'sent' }] }
      }),
    ],
  })
  responders.start()
  await connection.client.flush()
  opened.push(() => responders.stop(2_000))
  return responders
}

async function failure(promise: Promise<unknown>): Promise<KitError> {
  const error = await promise.catch((reason: unknown) => reason)
  if (!(error instanceof KitError)) throw new Error(`expected a KitError, got ${String(error)}`)
  return error
}

describe.each([
  { accounts: 'an account for each app', options: {} },
  { accounts: 'one account', options: { files: inOneAccount } },
])('in $accounts', ({ options }) => {
  test('a request is answered by the instances of the app, with a response or an error', async () => {
    const broker = await start(options)
    const requester = requesterOf(await broker.kit('producer'))
    await answering(broker, 0)
    await answering(broker, 1)
    const answers = await Promise.all(Array.from({ length: 100 }, () => requester.request(alarmDelivery, ASKED)))
    expect(new Set(answers.map(({ sinks }) => sinks[0]?.name))).toEqual(new Set(['0', '1']))
    const unknown = await failure(requester.request(alarmDelivery, { ...ASKED, id: 'unknown' }))
    expect(remoteErrorOf(alarmDelivery, unknown)).toEqual({ code: 'unknown_message', detail: {} })
  })

  test('without a responder is told at once, before the app runs and after it has stopped', async () => {
    const broker = await start(options)
    const requester = requesterOf(await broker.kit('producer'))
    const ask = () => requester.request(alarmDelivery, ASKED, { timeoutMs: 20_000 })
    expect((await failure(ask())).code).toBe(KitErrorCode.NoResponder)
    const responders = await answering(broker, 0)
    expect(await ask()).toMatchObject({ state: 'delivered' })
    expect(await responders.stop(2_000)).toBe(0)
    expect((await failure(ask())).code).toBe(KitErrorCode.NoResponder)
  })

  test('an app that does not declare to ask is refused, and one that does not answer is not well', async () => {
    const broker = await start(options)
    const requester = requesterOf(await broker.kit('log-consumer'))
    expect(await failure(requester.request(alarmDelivery, ASKED))).toMatchObject({
      code: KitErrorCode.PermissionDenied,
      message: expect.stringContaining(alarmDelivery.subject),
    })
    const connection = await broker.kit('producer')
    const responders = createResponders(connection, {
      contracts,
      responders: [defineResponder(alarmLogged, () => ({ stream: 'S', seq: 1, storedAtMs: 1 }))],
    })
    opened.push(() => responders.stop(2_000))
    responders.start()
    await waitFor(() => responders.checks()[0]?.ok === false, { what: 'the subscription to be refused' })
    expect(responders.checks()[0]).toMatchObject({
      name: 'responder:alarm-logged',
      detail: expect.stringContaining('refuses'),
    })
  })

  test('a responder gives one answer to each request, and to nothing that it was not asked', async () => {
    const broker = await start(options)
    const answerer = await broker.raw('alarm-consumer')
    const asker = await broker.raw('producer')
    const refusals: string[] = []
    void (async () => {
      for await (const status of answerer.status()) if (status.type === 'error') refusals.push(status.error.message)
    })()
    const replies: string[] = []
    answerer.subscribe(alarmDelivery.subject, {
      queue: 'alarm-consumer',
      callback: (_, message) => {
        replies.push(message.reply ?? '')
        message.respond('once')
        message.respond('twice')
      },
    })
    await answerer.flush()
    const heard: string[] = []
    asker.subscribe('_INBOX_producer.own', { callback: (_, message) => void heard.push(message.string()) })
    asker.publish(alarmDelivery.subject, '', { reply: '_INBOX_producer.own' })
    await waitFor(() => refusals.length > 0, { what: 'the second answer to be refused' })
    answerer.publish(`${replies[0]?.slice(0, -1)}X`, 'guessed')
    await waitFor(() => refusals.length > 1, { what: 'what nobody asked for to be refused' })
    await asker.flush()
    expect(heard).toEqual(['once'])
  })
})

test('with accounts, neither side learns a subject of the other’s', async () => {
  const broker = await start({})
  const answerer = await broker.raw('alarm-consumer')
  const replies: string[] = []
  answerer.subscribe(alarmDelivery.subject, {
    queue: 'alarm-consumer',
    callback: (_, message) => {
      replies.push(message.reply ?? '')
      message.respond('')
    },
  })
  await answerer.flush()
  await (await broker.raw('producer')).request(alarmDelivery.subject, '')
  expect(replies).toEqual([expect.stringMatching(/^_R_\./)])
})
