import { alarmToBot, alarmToLog, contracts } from '@alarm-bus/contracts'
import {
  type Bus,
  type Connection,
  type MessageContext,
  type MessageHandler,
  type PublishReceipt,
  createBus,
  type StoredPublisher,
  type Subscriber,
} from '@alarm-bus/nats-kit'
import type { DiscardOptions, PrunedConsumer, RedriveReport } from '@alarm-bus/nats-kit/admin'
import { type NatsServer, waitFor } from '@alarm-bus/nats-kit/testing'
import { jetstreamManager } from '@nats-io/jetstream'
import { expect } from 'vitest'
import { inserted, logger, posted, server, shippedOrders, slowDisk, slowPeople, told, written } from './surroundings.ts'

/** What is asked after a block, and which of the names in scope it asks about. */
interface Example<Scope> {
  readonly names: readonly (keyof Scope & string)[]
  check(scope: Scope): Promise<void>
}

function example<Scope>(names: Example<Scope>['names'], check: Example<Scope>['check']): Example<Scope> {
  return { names, check }
}

const closers: (() => Promise<unknown>)[] = []

/** Ends what the blocks began, the last first. */
export async function endAll(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close()
}

const logged = (event: string, fields: object = {}) =>
  logger.lines.filter((line) =>
    Object.entries({ event, ...fields }).every(([name, value]) => line.fields[name] === value),
  )

async function managerOf(connection: Connection) {
  return jetstreamManager(connection.client, { checkAPI: false })
}

async function settled(connection: Connection, consumer: string): Promise<void> {
  const manager = await managerOf(connection)
  await waitFor(
    async () => {
      const info = await manager.consumers.info('BASQUIAT_STREAM', consumer)
      return info.num_pending === 0 && info.num_ack_pending === 0
    },
    { what: `${consumer} to catch up`, deadlineMs: 30_000 },
  )
}

async function published({
  connection,
  publisher,
  receipt,
}: {
  connection: Connection
  publisher: StoredPublisher
  receipt: PublishReceipt
}): Promise<void> {
  closers.push(
    () => connection.close(2_000),
    () => publisher.close(),
  )
  expect(receipt).toEqual({ id: 'order-17', stream: 'BASQUIAT_STREAM', seq: 1, duplicate: false })
}

async function publishedMany({ connection, count }: { connection: Connection; count: number }): Promise<void> {
  expect(count).toBe(5_000)
  const { state } = await (await managerOf(connection)).streams.info('BASQUIAT_STREAM')
  expect(state.messages).toBe(5_003)
}

async function subscribed({
  connection,
  publisher,
  subscriber,
}: {
  connection: Connection
  publisher: StoredPublisher
  subscriber: Subscriber
}): Promise<void> {
  closers.push(() => subscriber.stop(2_000))
  await waitFor(() => subscriber.checks().every(({ ok }) => ok))
  for (const message of ['busy', 'gone', 'fine']) await publisher.publish(alarmToBot, { message })
  await settled(connection, 'my-app_alarm-to-bot')
  expect(told.toSorted()).toEqual(['busy', 'busy', 'disk is full', 'fine', 'gone'])
  expect(logged('retryScheduled', { delayMs: 300, channel: 'alarm-to-bot' })).toHaveLength(1)
  expect(logged('deadLetterStored', { consumer: 'my-app_alarm-to-bot' })[0]?.fields['reason']).toBe('handler_gave_up')
}

async function retriedWithCare({
  connection,
  publisher,
  careful,
}: {
  connection: Connection
  publisher: StoredPublisher
  careful: Subscriber
}): Promise<void> {
  closers.push(() => careful.stop(2_000))
  await waitFor(() => careful.checks().every(({ ok }) => ok))
  await settled(connection, 'careful-app_alarm-to-log')
  let inProgress = 0
  const signals = connection.client.subscribe('$JS.ACK.BASQUIAT_STREAM.careful-app_alarm-to-log.>', {
    callback: (_, message) => void (message.string() === '+WPI' && inProgress++),
  })
  for (const message of ['fragile', 'long']) await publisher.publish(alarmToLog, { message })
  // Three of them last the ack wait; without them the message would have come again by the seventh.
  await waitFor(() => inProgress >= 7, { what: 'signals that the handler still runs', deadlineMs: 20_000 })
  slowDisk.open()
  await settled(connection, 'careful-app_alarm-to-log')
  signals.unsubscribe()
  const times = (message: string) => written.filter((one) => one === message).length
  expect([written.length, times('fragile'), times('long')]).toEqual([5_005, 2, 1])
  const [retry, ...more] = logged('retryScheduled', { channel: 'alarm-to-log' })
  expect(retry?.fields).toMatchObject({ deliveries: 1, maxDeliver: 5 })
  // 500 ms, of which the jitter may take a fifth.
  expect(retry?.fields['delayMs']).toBeGreaterThanOrEqual(400)
  expect(retry?.fields['delayMs']).toBeLessThanOrEqual(500)
  expect(more).toEqual([])
}

async function handledInBulk({
  connection,
  inBulk,
}: {
  connection: Connection
  inBulk: MessageHandler
}): Promise<void> {
  const bus = createBus({
    contracts,
    logger,
    connection: { servers: [server], name: 'bulk-app' },
    subscriber: { handlers: [inBulk] },
  })
  closers.push(() => bus.stop(2_000))
  await bus.start()
  await settled(connection, 'bulk-app_alarm-to-log')
  const { state } = await (await managerOf(connection)).streams.info('BASQUIAT_STREAM', { subjects_filter: '>' })
  expect(inserted.flat()).toHaveLength(state.subjects?.['alarm.to.log'] ?? 0)
  expect(Math.max(...inserted.map(({ length }) => length))).toBeGreaterThan(1)
  expect(await bus.stop(10_000)).toEqual({ clean: true, abandoned: [] })
}

async function read({ reader, found }: { reader: Bus; found: readonly string[] }): Promise<void> {
  closers.push(() => reader.stop(2_000))
  expect(found).toEqual(inserted.flat().map(({ text }) => text))
  await waitFor(() => posted.includes('now or never'), { what: 'the listener to hear' })
  expect(found).not.toContain('now or never')
}

async function watched({ bus }: { bus: Bus }): Promise<void> {
  closers.push(() => bus.stop(2_000))
  await waitFor(() => bus.health().ready, { what: 'the bus' })
  const alarms = Array.from({ length: 600 }, (_, i) => ({ message: `alarm ${i}` }))
  await bus.publisher.publishMany(alarmToBot, alarms)
  const warned = () =>
    logger.lines.find(({ fields, level }) => level === 'warn' && 'oldestUnreadMsAtMost' in fields && !fields['event'])
  const { fields } = await waitFor(warned, { what: 'a warning of the slow consumer', deadlineMs: 20_000 })
  expect(fields['consumer']).toBe('watched-app_alarm-to-bot')
  expect(fields['pendingMessages']).toBeGreaterThan(500)
  const check = bus.health().checks.find(({ name }) => name === 'watchdog:slow_consumer:watched-app_alarm-to-bot')
  expect(check).toMatchObject({ ok: true, warning: true })
  slowPeople.open()
  await waitFor(() => bus.health().checks.every(({ warning }) => !warning), { deadlineMs: 20_000 })
  expect(await bus.stop(10_000)).toEqual({ clean: true, abandoned: [] })
}

async function redriven({
  report,
  old,
  orphans,
}: {
  connection: Connection
  report: RedriveReport
  old: { readonly discarded: number } & DiscardOptions
  orphans: readonly PrunedConsumer[]
}): Promise<void> {
  const listed = logger.lines.filter(
    ({ fields }) => fields['error'] === 'the chat is gone' && 'seq' in fields && !fields['event'],
  )
  expect(listed).toHaveLength(1)
  expect(report).toEqual({ dryRun: false, redriven: 1, finished: 0, skipped: {} })
  // The chat is there by now: the redriven message is handled.
  await waitFor(() => told.filter((message) => message === 'gone').length === 2)
  expect(old).toMatchObject({ dryRun: false, discarded: 0 })
  // The bus of before is none of the two that were named.
  expect(orphans.map(({ app }) => app)).toContain('watched-app')
  expect(orphans.map(({ app }) => app)).not.toContain('my-app')
}

async function handledOnce({
  connection,
  publisher,
  tellOnce,
}: {
  connection: Connection
  publisher: StoredPublisher
  tellOnce: MessageHandler
}): Promise<void> {
  const consumer = 'once-app_alarm-to-bot'
  const run = async (): Promise<void> => {
    const bus = createBus({
      contracts,
      logger,
      connection: { servers: [server], name: 'once-app' },
      subscriber: { handlers: [tellOnce] },
    })
    void bus.start()
    closers.push(() => bus.stop(2_000))
    await waitFor(() => bus.health().ready)
    await settled(connection, consumer)
    expect(await bus.stop(5_000)).toEqual({ clean: true, abandoned: [] })
  }
  await publisher.publish(alarmToBot, { message: 'once' })
  await run()
  const before = [...posted]
  expect(before.filter((message) => message === 'once')).toHaveLength(1)
  // A consumer that is made anew is given everything again.
  await (await managerOf(connection)).consumers.delete('BASQUIAT_STREAM', consumer)
  await run()
  expect(posted).toEqual(before)
  expect(logged('redeliveryPassedOver')).toHaveLength(before.length)
}

async function asked({
  roster,
  caller,
  person,
  refused,
}: {
  roster: Bus
  caller: Bus
  person: string
  refused: unknown
}): Promise<void> {
  closers.push(
    () => roster.stop(2_000),
    () => caller.stop(2_000),
  )
  expect(person).toBe('Kim')
  expect(refused).toEqual({ code: 'unknown_team', detail: { known: ['alarms'] } })
  expect(caller.health().ready).toBe(true)
}

async function handledAsTheNewest({ versions }: { versions: readonly MessageHandler[] }): Promise<void> {
  expect(versions.map(({ channel }) => channel.name)).toEqual(['alarm-to-bot-v2', 'alarm-to-bot'])
  const context = { signal: new AbortController().signal } as MessageContext
  await versions[1]?.handle({ message: 'two\nlines' } as never, context)
  expect(told.at(-1)).toBe('two; lines')
}

async function testedOnABroker({ broker }: { broker: NatsServer }): Promise<void> {
  await broker.stop()
}

async function shipped({ bus }: { bus: Bus }): Promise<void> {
  closers.push(() => bus.stop(2_000))
  await waitFor(() => shippedOrders.includes('17'), { what: 'the order to be shipped' })
}

/** By the block's name. */
export const examples = {
  'README 1': example(['bus'], shipped),
  'publishing 1': example(['connection', 'publisher', 'receipt'], published),
  'publishing 2': example(['connection', 'count'], publishedMany),
  'subscribing 1': example(['connection', 'publisher', 'subscriber'], subscribed),
  'subscribing 2': example(['connection', 'publisher', 'careful'], retriedWithCare),
  'subscribing 3': example(['connection', 'inBulk'], handledInBulk),
  'subscribing 4': example(['bus'], watched),
  'subscribing 5': example(['connection', 'publisher', 'tellOnce'], handledOnce),
  'dead-letters 1': example(['connection', 'report', 'old', 'orphans'], redriven),
  'reading 2': example(['reader', 'found'], read),
  'requests 1': example(['roster', 'caller', 'person', 'refused'], asked),
  'contracts 1': example(['versions'], handledAsTheNewest),
  'testing-your-app 4': example(['broker'], testedOnABroker),
}

/** Blocks that are not run as part of the program, and why. */
export const notRunHere = {
  'reading 1': 'a declaration, as an app has it in a file of its own',
  'testing-your-app 1': 'compared with what runs in packages/nats-kit/test/guide',
  'testing-your-app 2': 'compared with what runs in packages/nats-kit/test/guide',
  'testing-your-app 3': 'compared with what runs in packages/nats-kit/test/guide',
}
