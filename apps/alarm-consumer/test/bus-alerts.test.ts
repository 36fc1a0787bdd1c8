import { waitFor } from '@alarm-bus/nats-kit/testing'
import type { AppLogLine, AppProcess } from '@alarm-bus/service/testing'
import { expect, test, vi } from 'vitest'
import { linesOf, matching, until } from './support/alert-lines.ts'
import { sinksAt, startGuarded } from './support/guarded.ts'
import { storeLetters } from './support/letters.ts'
import { startReceiver, status } from './support/receiver.ts'

// A scene is a broker and processes; each wait has a deadline of its own.
// They wait far more than they work, so some run at a time.
vi.setConfig({ testTimeout: 120_000, maxConcurrency: 4 })

const LOG = 'log-consumer_alarm-to-bot'
const OTHER = 'log-consumer_alarm-to-log'
/** Under whose name it is recorded which alerts were sent. */
const SENDER = 'alarm-consumer_watch.sent'
/** Far below the shipped five minutes, and above what a test does in between. */
const QUICK = { ALARM_BUS_ALERTS_PAUSE_MS: '3000' }

const eventsOf = (app: AppProcess, name: string): readonly AppLogLine[] =>
  app.lines.filter(({ event }) => event === name)

test.concurrent('a dead letter reaches a person within 30 s as shipped, with the command that shows it and nothing of its content', async () => {
  await using slack = await startReceiver()
  await using scene = await startGuarded()
  await scene.apply()
  const app = scene.start(sinksAt(slack))
  await app.line('busWatched')
  await storeLetters(scene, LOG, 'handler_gave_up')
  await until(slack, /dead letter/)
  const since = /\d{4}-\d\d-\d\d \d\d:\d\d UTC/.source
  const command = `pnpm ops dlq list --stream BASQUIAT_STREAM --consumer ${LOG} --reason handler_gave_up`
  expect(linesOf(slack)).toEqual([
    expect.stringMatching(
      new RegExp(
        `^1 dead letter of ${LOG} of BASQUIAT_STREAM \\(handler_gave_up\\) since ${since}\\. Show them: \`${command}\`$`,
      ),
    ),
  ])
  expect(slack.received[0]?.body).not.toMatch(/secret|the body/)
  expect(app.errorOutput).toBe('')
})

test.concurrent('10,000 dead letters at once are a few messages, which sum up all of them and end with one line', async () => {
  await using slack = await startReceiver()
  await using scene = await startGuarded()
  await scene.apply()
  const app = scene.start({ ...sinksAt(slack), ...QUICK })
  await app.line('busWatched')
  await storeLetters(scene, LOG, 'deliveries_exhausted', { count: 9_990 })
  await storeLetters(scene, OTHER, 'invalid_message', { count: 10 })
  await until(slack, /^Over: .* \(deliveries_exhausted\)/, 60_000)
  await until(slack, /^Over: .* \(invalid_message\)/)
  expect(matching(slack, /Over: .*\(deliveries_exhausted\)/)).toEqual([expect.stringContaining(' There were 9990, ')])
  expect(matching(slack, /Over: .*\(invalid_message\)/)).toEqual([expect.stringContaining(' There were 10, ')])
  const began = /^\d+ dead letters? of/
  expect(matching(slack, began)).toHaveLength(2)
  // What is summed up in between takes longer each time: far fewer than there are dead letters, whatever the machine does.
  expect(slack.received.length).toBeLessThan(20)
  const added = matching(slack, /dead letters? of .*\(deliveries_exhausted\)/).filter((line) => !line.includes('Over'))
  const sum = added.reduce((total, line) => total + Number(/(\d+) (more )?dead/.exec(line)?.[1]), 0)
  expect(sum).toBeLessThanOrEqual(9_990)
  expect((await fetch(`${await app.url()}/livez`)).status).toBe(200)
  expect(app.errorOutput).toBe('')
})

test.concurrent('of several instances one alerts; when it is killed another goes on, and repeats nothing', async () => {
  await using slack = await startReceiver()
  await using scene = await startGuarded()
  await scene.apply({ delivery: 'fan-out' })
  const environment = { ...sinksAt(slack), ALARM_BUS_ALERTS_PAUSE_MS: '10000' }
  const apps = ['0', '1', '2'].map((INSTANCE_ID) => scene.start({ ...environment, DELIVERY: 'fan-out', INSTANCE_ID }))
  await Promise.all(apps.map((app) => app.line('ready')))
  const leader = await waitFor(() => apps.find((app) => eventsOf(app, 'busWatched').length > 0), { what: 'a leader' })
  await storeLetters(scene, LOG, 'handler_gave_up', { count: 3 })
  await until(slack, /^3 dead letters of/)
  // Between a sink's answer and its record nothing can tell.
  await waitFor(async () => (await scene.recordOf('slack', 0, SENDER)) === 'done', { what: 'the record of the alert' })
  await leader.kill()
  await storeLetters(scene, LOG, 'handler_gave_up', { count: 4 })
  await storeLetters(scene, OTHER, 'never_settled')
  await until(slack, /1 dead letter of .*never_settled/, 60_000)
  await until(slack, /4 more dead letters of .*, 7 since/, 60_000)
  expect(matching(slack, /^3 dead letters of/)).toHaveLength(1)
  expect(apps.filter((app) => eventsOf(app, 'busWatched').length > 0)).toHaveLength(2)
})

test.concurrent('a restart repeats no alert and loses none', async () => {
  await using slack = await startReceiver()
  await using scene = await startGuarded()
  await scene.apply()
  const environment = { ...sinksAt(slack), ALARM_BUS_ALERTS_PAUSE_MS: '20000' }
  const first = scene.start(environment)
  await first.line('busWatched')
  await storeLetters(scene, LOG, 'handler_gave_up', { count: 2 })
  await until(slack, /^2 dead letters of/)
  first.signal('SIGTERM')
  expect(await first.exit()).toEqual({ code: 0, signal: null })
  await storeLetters(scene, OTHER, 'invalid_message', { count: 5 })
  const second = scene.start(environment)
  await until(slack, /^5 dead letters of .*invalid_message/)
  expect(linesOf(slack)).toHaveLength(2)
  second.signal('SIGTERM')
  expect(await second.exit()).toEqual({ code: 0, signal: null })
  expect(linesOf(slack)).toHaveLength(2)
})

test.concurrent('the broker is killed and comes back: what happens then is told once, and nothing of before again', async () => {
  await using slack = await startReceiver()
  await using scene = await startGuarded()
  await scene.apply()
  const app = scene.start({ ...sinksAt(slack), ALARM_BUS_ALERTS_PAUSE_MS: '20000' })
  await app.line('busWatched')
  await storeLetters(scene, LOG, 'handler_gave_up')
  await until(slack, /^1 dead letter of/)
  await scene.restartBroker()
  await storeLetters(scene, OTHER, 'invalid_message')
  await until(slack, /^1 dead letter of .*invalid_message/, 60_000)
  expect(matching(slack, /handler_gave_up\) since/)).toHaveLength(1)
  expect(matching(slack, /invalid_message\) since/)).toHaveLength(1)
})

test.concurrent('sinks that are away while dead letters come are told of all of them once they are back, each once', async () => {
  const placeholder = await startReceiver()
  await placeholder[Symbol.asyncDispose]()
  await using discord = await startReceiver()
  await using scene = await startGuarded()
  await scene.apply()
  const app = scene.start({
    ...sinksAt(placeholder, discord),
    ALARM_BUS_ALERTS_PAUSE_MS: '60000',
    ALARM_CIRCUIT_PAUSE_MS: '500',
  })
  await app.line('busWatched')
  await storeLetters(scene, LOG, 'handler_gave_up', { count: 3 })
  // One sink does not wait for another.
  await waitFor(() => discord.received.length === 1, { what: 'discord has it', deadlineMs: 30_000 })
  await storeLetters(scene, OTHER, 'invalid_message', { count: 2 })
  await waitFor(() => discord.received.length === 2, { what: 'discord has the next', deadlineMs: 30_000 })
  await using slack = await startReceiver(undefined, placeholder.port)
  await waitFor(() => linesOf(slack).length === 2, { what: 'slack has both', deadlineMs: 90_000 })
  expect(linesOf(slack).toSorted()).toEqual([
    expect.stringMatching(/^2 dead letters of .*invalid_message/),
    expect.stringMatching(/^3 dead letters of .*handler_gave_up/),
  ])
  expect(discord.received).toHaveLength(2)
})

test.concurrent('while no sink takes anything nothing is forgotten, by a process that is killed neither', async () => {
  const placeholder = await startReceiver()
  await placeholder[Symbol.asyncDispose]()
  await using scene = await startGuarded()
  await scene.apply()
  const environment = { ...sinksAt(placeholder), ...QUICK, ALARM_CIRCUIT_PAUSE_MS: '500', ALARM_CIRCUIT_FAILURES: '1' }
  const first = scene.start(environment)
  await first.line('busWatched')
  await storeLetters(scene, LOG, 'handler_gave_up', { count: 3 })
  await first.line('sinkCircuitOpened')
  await storeLetters(scene, LOG, 'handler_gave_up', { count: 4 })
  await first.kill()
  scene.start(environment)
  await using slack = await startReceiver(undefined, placeholder.port)
  await until(slack, /^Over: .* There were 7, /, 90_000)
  expect(matching(slack, /^\d+ dead letters of/)).toHaveLength(1)
})

test.concurrent('ALARM_BUS_ALERTS=off: no alert is sent, and nothing is read', async () => {
  await using slack = await startReceiver()
  await using scene = await startGuarded()
  await scene.apply()
  const app = scene.start({ ...sinksAt(slack), ...QUICK, ALARM_BUS_ALERTS: 'off' })
  await app.line('ready')
  await storeLetters(scene, LOG, 'handler_gave_up', { count: 3 })
  const seq = await scene.publish('an alarm')
  await waitFor(async () => (await scene.recordOf('slack', seq)) === 'done', { what: 'the alarm is sent' })
  // An instance that does watch finds that nobody has before.
  await using other = await startReceiver()
  scene.start({ ...sinksAt(other), ...QUICK })
  await until(other, /^3 dead letters of/)
  expect(linesOf(slack)).toEqual(['[alarm-to-bot] an alarm'])
  expect(eventsOf(app, 'busWatched')).toEqual([])
})

test.concurrent('troubles of its own sinks make no circle: they are logged, and nothing is sent because of them', async () => {
  await using slack = await startReceiver(status(400))
  await using scene = await startGuarded()
  await scene.apply()
  const app = scene.start({ ...sinksAt(slack), ...QUICK })
  await app.line('busWatched')
  for (let n = 0; n < 3; n++) await scene.publish(`refused ${n}`)
  expect(await app.line('ownDeadLetters')).toMatchObject({ level: 'error', reason: 'handler_gave_up' })
  const told = (): number => eventsOf(app, 'ownDeadLetters').reduce((sum, { count }) => sum + Number(count), 0)
  await waitFor(() => told() === 3, { what: 'all three are logged', deadlineMs: 30_000 })
  expect(slack.received).toHaveLength(3)
  // An alert that the sink refuses is an error in the log, and no dead letter, which would be the next alert.
  await storeLetters(scene, LOG, 'handler_gave_up')
  expect(await app.line('alertNotSent')).toMatchObject({ level: 'error', sink: 'slack' })
  await waitFor(() => eventsOf(app, 'alertNotSent').length === 2, {
    what: 'its end is refused, too',
    deadlineMs: 30_000,
  })
  expect(linesOf(slack)).toEqual([
    ...[0, 1, 2].map((n) => `[alarm-to-bot] refused ${n}`),
    expect.stringMatching(/1 dead letter of/),
    expect.stringMatching(/Over: /),
  ])
  expect(told()).toBe(3)
  // What is no alarm at all is somebody's mistake, and no trouble of the sinks.
  await storeLetters(scene, 'alarm-consumer_alarm-to-bot', 'invalid_message')
  await until(slack, /alarm-consumer_alarm-to-bot of BASQUIAT_STREAM \(invalid_message\)/)
})
