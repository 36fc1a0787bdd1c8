import { createHash } from 'node:crypto'
import { contracts, sinkTest } from '@alarm-bus/contracts'
import {
  createRequester,
  createResponders,
  defineResponder,
  kvOnceStore,
  KitError,
  KitErrorCode,
  remoteErrorOf,
  type Responder,
} from '@alarm-bus/nats-kit'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { readApps } from '../src/apps/read-apps.ts'
import { appPermissions } from '../src/permissions/app-permissions.ts'
import { renderAccounts } from '../src/permissions/render-accounts.ts'
import { applyDeclared, startBroker, type TestBroker } from './harness.ts'

const apps = await readApps()
const inOneAccount = renderAccounts(
  apps.map((app) => appPermissions(app, contracts)),
  { oneAccount: true },
)
const STREAM = contracts.streams[0]?.name ?? ''
const subjectOf = (asker: string, id: string): string =>
  `answer.${STREAM}.sink-test.${asker}.${createHash('sha256').update(id).digest('hex')}`

const opened: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

async function start(options: Parameters<typeof startBroker>[0]): Promise<TestBroker> {
  const broker = await startBroker(options)
  opened.push(async () => broker[Symbol.asyncDispose]())
  await applyDeclared(broker)
  return broker
}

async function asking(broker: TestBroker, name: string) {
  const requester = createRequester(await broker.kit(name), { contracts })
  opened.push(async () => requester.close())
  return requester
}

async function answering(broker: TestBroker, handle: Responder<typeof sinkTest>['handle']) {
  const connection = await broker.kit('alarm-consumer')
  const responder = defineResponder(sinkTest, handle, { once: kvOnceStore() })
  const responders = createResponders(connection, { contracts, responders: [responder] })
  responders.start()
  opened.push(() => responders.stop(2_000))
  await waitFor(() => responders.checks().every(({ ok }) => ok), { what: 'the responder', deadlineMs: 20_000 })
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
  test('a stored request waits for its responder, and its asker may restart; others may do nothing of it', async () => {
    const broker = await start(options)
    const first = await asking(broker, 'producer')
    const asked = failure(first.request(sinkTest, { sink: 'console' }, { id: 'a' }))
    await waitFor(async () => (await failure(first.answer(sinkTest, 'a', { timeoutMs: 50 }))).code === 'timeout', {
      what: 'the request to be stored',
    })
    first.close()
    expect((await asked).code).toBe(KitErrorCode.Closed)

    const seen: unknown[] = []
    await answering(broker, ({ sink }, context) => {
      seen.push(context.stored?.asker)
      if (sink !== 'console') throw context.error('unknown_sink', { known: ['console'] })
      return { sink, sentAtMs: 1, tookMs: 1 }
    })
    const restarted = await asking(broker, 'producer')
    expect(await restarted.answer(sinkTest, 'a')).toEqual({ sink: 'console', sentAtMs: 1, tookMs: 1 })
    const unknown = await failure(restarted.request(sinkTest, { sink: 'fax' }))
    expect(remoteErrorOf(sinkTest, unknown)).toEqual({ code: 'unknown_sink', detail: { known: ['console'] } })
    expect(seen).toEqual(['producer', 'producer'])

    // An app that does not declare it neither asks nor reads, in its own name or another's.
    const other = await asking(broker, 'log-consumer')
    expect((await failure(other.request(sinkTest, { sink: 'console' }))).code).toBe(KitErrorCode.PermissionDenied)
    expect((await failure(other.answer(sinkTest, 'a', { timeoutMs: 3_000 }))).code).toBe(KitErrorCode.PermissionDenied)
    // The one that asks gives no answers, and the one that answers asks nothing and answers nothing else.
    const attempts: readonly (readonly [string, string])[] = [
      ['log-consumer', `$JS.API.DIRECT.GET.${STREAM}_ANSWERS.${subjectOf('producer', 'a')}`],
      ['log-consumer', 'ask.sink.test.producer'],
      ['producer', subjectOf('producer', 'b')],
      ['producer', 'ask.sink.test.log-consumer'],
      ['producer', `$JS.API.DIRECT.GET.${STREAM}_ANSWERS.${subjectOf('log-consumer', 'a')}`],
      ['producer', `$JS.API.DIRECT.GET.${STREAM}_ANSWERS`],
      ['alarm-consumer', 'ask.sink.test.producer'],
      ['alarm-consumer', `answer.${STREAM}.another-request.producer.x`],
    ]
    for (const [user, subject] of attempts) {
      const client = await broker.raw(user)
      const error = await client.request(subject, '{}', { timeout: 5_000 }).catch((reason: unknown) => reason)
      expect(String(error), `${user} on ${subject}`).toMatch(/Permissions Violation/)
    }
  })
})
