import { waitFor } from '@alarm-bus/nats-kit/testing'
import type { AppLogLine, AppProcess } from '@alarm-bus/service/testing'
import { expect, test, vi } from 'vitest'
import { BUCKET, CONSUMER, sinksAt, startGuarded } from './support/guarded.ts'
import { startReceiver } from './support/receiver.ts'

// A scene is a broker and processes; each wait has a deadline of its own.
vi.setConfig({ testTimeout: 90_000 })

const linesOf = (app: AppProcess, name: string): readonly AppLogLine[] =>
  app.lines.filter(({ event }) => event === name)

/** The shortest that a claim stands. The sink that says nothing is waited for longer than any test takes. */
const QUICK = { ACK_WAIT_MS: '3000', ALARM_TIMEOUT_MS: '120000' }

test.each(['a restarted process', 'another instance'])(
  'killed between an alert and the ack: %s calls the sinks that had no alarm, and no other',
  async (successor) => {
    let isSilent = true
    await using slack = await startReceiver()
    await using discord = await startReceiver((response) => void (isSilent || response.end()))
    await using scene = await startGuarded()
    await scene.apply({ ackWaitMs: Number(QUICK.ACK_WAIT_MS) })
    const environment = { ...QUICK, ...sinksAt(slack, discord) }
    const apps = [scene.start(environment)]
    if (successor === 'another instance') apps.push(scene.start(environment))
    await Promise.all(apps.map((app) => app.line('ready')))

    const seq = await scene.publish('once')
    await waitFor(() => discord.received.length === 1, { what: 'discord has been called' })
    await waitFor(async () => (await scene.recordOf('slack', seq)) === 'done', { what: 'the record of slack' })
    const sender = await waitFor(() => apps.find((app) => linesOf(app, 'alarmSent').length > 0), {
      what: 'who sent it',
    })
    await sender.kill()
    isSilent = false
    const next = apps.find((app) => app !== sender) ?? scene.start(environment)
    await waitFor(() => scene.isSettled(CONSUMER), { what: 'the alarm is settled', deadlineMs: 30_000 })
    await Promise.all(['redeliveryPassedOver', 'alarmSent'].map((event) => next.line(event)))
    expect(linesOf(next, 'redeliveryPassedOver')).toMatchObject([{ stream: 'BASQUIAT_STREAM', seq }])
    expect(linesOf(next, 'alarmSent')).toMatchObject([{ sink: 'discord', seq }])
    expect([slack.received.length, discord.received.length]).toEqual([1, 2])
    expect(await scene.recordOf('discord', seq)).toBe('done')
    expect([...linesOf(sender, 'sentBeforeUnknown'), ...linesOf(next, 'sentBeforeUnknown')]).toEqual([])
  },
)

test('instances that each get every alarm: each alarm goes out once', async () => {
  await using slack = await startReceiver()
  await using scene = await startGuarded()
  await scene.apply({ delivery: 'fan-out' })
  const instances = ['0', '1', '2']
  const apps = instances.map((INSTANCE_ID) =>
    scene.start({ ...sinksAt(slack), DELIVERY: 'fan-out', INSTANCE_ID, ALARM_SINKS: 'console,slack' }),
  )
  await Promise.all(apps.map((app) => app.line('ready')))
  for (let i = 0; i < 10; i++) await scene.publish(`alarm ${i}`)
  for (const instance of instances) await waitFor(() => scene.isSettled(`${CONSUMER}_${instance}`))
  expect(slack.received).toHaveLength(10)
  expect(new Set(slack.received.map(({ body }) => body)).size).toBe(10)
  // What calls nobody needs no record: each instance writes its own lines.
  await waitFor(() => apps.every((app) => linesOf(app, 'alarmHandled').length === 10))
  expect(await scene.recordOf('console', 1)).toBeUndefined()
})

test('without the bucket: not ready, with what to run; alarms go out all the same, and that they may be twice is said', async () => {
  await using slack = await startReceiver()
  await using scene = await startGuarded()
  await scene.apply()
  const migrator = await scene.as('migrator')
  expect((await migrator.client.request(`$JS.API.STREAM.DELETE.${BUCKET}`)).json()).toMatchObject({ success: true })
  const app = scene.start(sinksAt(slack))
  const error = `stream ${BUCKET} is not on the broker; run: pnpm ops apply`
  expect(await app.line('streamsNotReady')).toMatchObject({ level: 'error', error })
  const readiness = async () => fetch(`${await app.url()}/readyz`)
  expect((await readiness()).status).toBe(503)

  const seq = await scene.publish('without a record')
  expect(await app.line('sentBeforeUnknown')).toMatchObject({ level: 'error', seq, destination: `${CONSUMER}.slack` })
  expect(await app.line('onceNotRecorded')).toMatchObject({ level: 'error', seq })
  await waitFor(() => scene.isSettled(CONSUMER))
  expect(slack.received).toHaveLength(1)

  await scene.apply()
  await app.line('ready')
  expect((await readiness()).status).toBe(200)
  const next = await scene.publish('with one')
  await waitFor(async () => (await scene.recordOf('slack', next)) === 'done')
  expect(slack.received).toHaveLength(2)
})
