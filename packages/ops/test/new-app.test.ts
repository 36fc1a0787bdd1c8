import { alarmToLog, contracts, defineApp } from '@alarm-bus/contracts'
import { createJetStreamPublisher, createKvOnceStore, defineHandler, onceOnly, createBus } from '@alarm-bus/nats-kit'
import { collectLogs, waitFor } from '@alarm-bus/nats-kit/testing'
import { expect, test } from 'vitest'
import { readApps } from '../src/apps/read-apps.ts'
import { applyStreams } from '../src/index.ts'
import { appPermissions } from '../src/permissions/app-permissions.ts'
import { renderAccounts } from '../src/permissions/render-accounts.ts'
import { authOf, startBroker } from './harness.ts'
import { consumersOf, mayDo, mayNotDo, onceAttempts } from './neighbours.ts'
import { allOf, refused } from './permissions.ts'

const app = defineApp({
  name: 'new-app',
  owner: 'team',
  description: 'Joins the others.',
  handles: [alarmToLog],
  onceOnly: true,
  fanOutInstances: 1,
})
const apps = [...(await readApps()), app]
const files = renderAccounts(apps.map((one) => appPermissions(one, contracts)))

test('a new app has its user by its declaration, remembers what it handled, and is held to its own', async () => {
  const env = { NATS_NEW_APP_PASSWORD: 'dev-only-new-app' }
  await using broker = await startBroker({ files, env })
  const servers = [broker.server.url]
  const { streams } = contracts
  await applyStreams({ servers, auth: authOf('admin'), streams, consumers: { apps: [app], contracts } })

  const handled: string[] = []
  const logger = collectLogs()
  const connection = await broker.kit(app.name)
  const trouble: unknown[] = []
  connection.events.on('errorOccurred', (detail) => trouble.push(detail))
  const store = createKvOnceStore(connection)
  const handler = defineHandler(alarmToLog, ({ message }, { deliveryCount }) => {
    if (deliveryCount === 1) throw new Error('not yet')
    handled.push(message)
  })
  const bus = createBus({
    contracts,
    app,
    logger,
    connection: { servers, name: app.name, auth: authOf(app.name, env) },
    streams: { mode: 'verify' },
    subscriber: { retry: { baseMs: 10, capMs: 20 }, handlers: [onceOnly(handler, { store })] },
  })
  void bus.start()
  await waitFor(() => bus.health().ready, { what: 'the new app to be ready' })
  const publisher = createJetStreamPublisher(await broker.kit('producer'), { contracts })
  await publisher.publish(alarmToLog, { message: 'written' })
  await waitFor(() => handled.length > 0, { what: 'the alarm to be handled' })
  const [{ durable, stream }] = consumersOf(app) as [ReturnType<typeof consumersOf>[number]]
  expect(await bus.stop(5_000)).toMatchObject({ clean: true })
  // A claim and a look at it, as after a redelivery.
  const key = { stream, consumer: durable, seq: 4711, storedAt: new Date() }
  const claim = await store.claim(key)
  if (typeof claim === 'string') throw new Error(claim)
  await claim.done()
  expect(await store.claim(key)).toBe('done')
  await store.close()
  expect(handled).toEqual(['written'])
  expect(trouble).toEqual([])
  expect(JSON.stringify(logger.lines)).not.toMatch(/permissions violation/i)

  const inbox = `_INBOX_${app.name}`
  expect(await refused(await broker.raw(app.name), inbox, mayDo(app))).toEqual([])
  const forbidden = [...mayNotDo(app, apps), { publish: `$JS.API.DIRECT.GET.KV_${stream}_ONCE` }]
  expect(await refused(await broker.raw(app.name), inbox, forbidden)).toEqual(allOf(forbidden))
  // The others keep out of its records.
  const records = onceAttempts(durable, stream)
  const [neighbour] = apps as [(typeof apps)[number]]
  expect(await refused(await broker.raw(neighbour.name), `_INBOX_${neighbour.name}`, records)).toEqual(allOf(records))
})
