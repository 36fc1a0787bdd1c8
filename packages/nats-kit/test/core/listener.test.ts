import { expect, test } from 'vitest'
import {
  type Bus,
  type BusOptions,
  createBus,
  createCorePublisher,
  defineListener,
  KitErrorCode,
} from '../../src/index.ts'
import { collectLogs, waitFor } from '../../src/testing.ts'
import { makeContracts, onEnd, open, useBroker } from '../harness.ts'
import { startKillableBroker } from '../faults/support/broker.ts'

const broker = useBroker()
const made = makeContracts()
const { contracts, toBot, toLog } = made

async function startBus(
  options: Partial<BusOptions>,
  url = broker.current.url,
): Promise<Bus & { readonly logs: ReturnType<typeof collectLogs> }> {
  const logs = collectLogs()
  const bus = createBus({
    contracts,
    connection: { name: 'hearer', servers: [url], reconnectDelayMs: 20, reconnectJitterMs: 5 },
    logger: logs,
    ...options,
  })
  void bus.start()
  onEnd(() => bus.stop(2_000))
  await bus.ready()
  return { ...bus, logs }
}

async function publisher(url = broker.current.url) {
  const connection = await open({ url })
  const core = createCorePublisher(connection, { contracts })
  return {
    connection,
    say: (message: string, options = {}) => core.publish(toBot, { message }, options),
    raw: (body: string, subject = `core.${toBot.subject}`) => connection.client.publish(subject, body),
  }
}

/** Ends a promise from outside. */
function gate() {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open }
}

test('what is published at most once is heard, with what is known of it', async () => {
  const heard: unknown[] = []
  await startBus({
    listeners: [
      defineListener(toBot, ({ message }, context) => {
        heard.push([message, context.channel, context.subject, context.id, context.header('Request-Id')])
      }),
    ],
  })
  const { say } = await publisher()
  await say('hello', { id: 'id-1', headers: { 'Request-Id': 'r-1' } })
  await waitFor(() => heard.length === 1)
  expect(heard).toEqual([['hello', 'to-bot', `core.${toBot.subject}`, 'id-1', 'r-1']])
})

test('instances share the messages by default, and each hears all with fan-out', async () => {
  const heard = { a: 0, b: 0, wideA: 0, wideB: 0 }
  const listens = (which: keyof typeof heard, delivery: 'queue-group' | 'fan-out') => ({
    listeners: [defineListener(toBot, () => void heard[which]++, { delivery })],
  })
  await startBus(listens('a', 'queue-group'))
  await startBus(listens('b', 'queue-group'))
  await startBus(listens('wideA', 'fan-out'))
  await startBus(listens('wideB', 'fan-out'))
  const { say } = await publisher()
  for (let i = 0; i < 200; i++) await say(`${i}`)
  await waitFor(() => heard.a + heard.b === 200 && heard.wideA === 200 && heard.wideB === 200)
  expect(Math.min(heard.a, heard.b)).toBeGreaterThan(0)
})

test('what does not fit the channel is dropped and logged, and what throws ends nothing', async () => {
  const heard: string[] = []
  const { logs, health } = await startBus({
    listeners: [
      defineListener(
        toBot,
        async ({ message }) => {
          heard.push(message)
          if (message === 'throws') throw new Error('a bug')
        },
        { concurrency: 1 },
      ),
    ],
  })
  const { say, raw } = await publisher()
  raw('{broken')
  raw('{"message":7}')
  await say('throws')
  await say('fine')
  await waitFor(() => heard.includes('fine'))
  expect(heard).toEqual(['throws', 'fine'])
  // Two were invalid, and one line says so.
  expect(logs.lines.filter(({ fields }) => fields['event'] === 'heardMessageInvalid')).toHaveLength(1)
  expect(logs.lines.find(({ fields }) => fields['event'] === 'listenerFailed')?.fields).toMatchObject({
    channel: 'to-bot',
    error: 'a bug',
  })
  const check = health().checks.find(({ name }) => name === 'listener:to-bot')
  expect(check).toMatchObject({ ok: true, detail: expect.stringContaining('2 invalid, 1 failed') })
})

test('a slow one has no more waiting than its bounds; what is dropped is counted, logged once, and told', async () => {
  const { opened, open: release } = gate()
  const heard: string[] = []
  const bus = await startBus({
    listeners: [
      defineListener(
        toBot,
        async ({ message }) => {
          await opened
          heard.push(message)
        },
        { concurrency: 2, maxWaiting: 5 },
      ),
    ],
  })
  const told: number[] = []
  bus.events.on('slowConsumerDetected', ({ dropped, pendingMessages, pendingMessagesLimit }) => {
    told.push(dropped)
    expect([pendingMessages, pendingMessagesLimit]).toEqual([5, 5])
  })
  const { say } = await publisher()
  for (let i = 0; i < 20; i++) await say(`${i}`)
  const detail = () => bus.health().checks.find(({ name }) => name === 'listener:to-bot')?.detail
  await waitFor(() => detail()?.includes('13 dropped'))
  expect(detail()).toContain('2 running, 5 waiting')
  expect(told).toEqual([1])
  expect(bus.logs.lines.filter(({ fields }) => fields['event'] === 'heardMessagesDropped')).toHaveLength(1)
  release()
  await waitFor(() => heard.length === 7)
  expect(heard).toEqual(['0', '1', '2', '3', '4', '5', '6'])
})

test('bytes that wait have a bound too', async () => {
  const { opened, open: release } = gate()
  const heard: string[] = []
  const bus = await startBus({
    listeners: [
      defineListener(
        toBot,
        async ({ message }) => {
          await opened
          heard.push(message)
        },
        { concurrency: 1, maxWaitingBytes: 700 },
      ),
    ],
  })
  const { raw, connection } = await publisher()
  for (let i = 0; i < 10; i++) raw(JSON.stringify({ message: `${i}`.padStart(180, ' ') }))
  await connection.client.flush()
  await waitFor(() => bus.logs.lines.some(({ fields }) => fields['event'] === 'heardMessagesDropped'))
  release()
  await waitFor(() => heard.length === 4)
  expect(heard.map((text) => text.trim())).toEqual(['0', '1', '2', '3'])
})

test('a handler that runs past its time is told to stop, and its place becomes free', { timeout: 40_000 }, async () => {
  const heard: string[] = []
  let reason: unknown
  const bus = await startBus({
    listeners: [
      defineListener(
        toBot,
        ({ message }, { signal }) => {
          heard.push(message)
          signal.addEventListener('abort', () => (reason = signal.reason))
          return message === 'hangs' ? new Promise(() => undefined) : undefined
        },
        { concurrency: 1, maxHandlerMs: 50 },
      ),
    ],
  })
  const { say } = await publisher()
  await say('hangs')
  await say('next')
  await waitFor(() => reason !== undefined)
  await waitFor(() => heard.includes('next'), { deadlineMs: 30_000 })
  expect(bus.logs.lines.some(({ fields }) => fields['event'] === 'listenerHung')).toBe(true)
})

test('it is heard again after the broker was killed', { timeout: 60_000 }, async () => {
  const killable = await startKillableBroker()
  onEnd(() => killable.stop())
  const heard: string[] = []
  const bus = await startBus(
    { listeners: [defineListener(toBot, ({ message }) => void heard.push(message))] },
    killable.url,
  )
  const { say, connection } = await publisher(killable.url)
  await say('before')
  await waitFor(() => heard.includes('before'))
  await killable.kill()
  await killable.restart()
  await waitFor(() => bus.health().ready && connection.state === 'connected', { deadlineMs: 30_000 })
  // The two connections came back on their own, and the broker reads them in any order: what is said before it has read
  // the subscription is lost, as at most once means.
  await waitFor(async () => {
    await say('after')
    return heard.includes('after')
  })
})

test('a stop lets what came be handled, and takes nothing new', async () => {
  const { opened, open: release } = gate()
  const heard: string[] = []
  const bus = await startBus({
    listeners: [
      defineListener(
        toBot,
        async ({ message }) => {
          await opened
          heard.push(message)
        },
        { concurrency: 1 },
      ),
    ],
  })
  const { say, connection } = await publisher()
  for (const message of ['a', 'b', 'c']) await say(message)
  await connection.client.flush()
  await waitFor(() => bus.health().checks.some(({ detail }) => detail?.includes('1 running, 2 waiting')))
  const stopped = bus.stop(10_000)
  release()
  expect(await stopped).toMatchObject({ clean: true })
  expect(heard).toEqual(['a', 'b', 'c'])
})

test('a stop that runs out of time aborts the signals, and says what was not handled', async () => {
  let aborted = false
  const bus = await startBus({
    listeners: [
      defineListener(
        toBot,
        (_message, { signal }) => {
          signal.addEventListener('abort', () => (aborted = true))
          return new Promise(() => undefined)
        },
        { concurrency: 1 },
      ),
    ],
  })
  const { say } = await publisher()
  await say('hangs')
  await say('waits')
  await waitFor(() => bus.health().checks.some(({ detail }) => detail?.includes('1 running, 1 waiting')))
  expect(await bus.stop(300)).toMatchObject({ clean: false })
  expect(aborted).toBe(true)
  expect(bus.logs.lines.find(({ fields }) => fields['event'] === 'heardMessagesAbandoned')?.fields).toMatchObject({
    messages: 2,
  })
})

test('two listeners of a channel, unknown channels and bounds that cannot work are refused at start', () => {
  const start = (listeners: BusOptions['listeners'] & {}) => () =>
    createBus({ contracts, connection: { name: 'x', servers: ['127.0.0.1:1'] }, logger: collectLogs(), listeners })
  const code = { code: KitErrorCode.InvalidOptions }
  const one = defineListener(toLog, () => undefined)
  expect(start([one, one])).toThrow(expect.objectContaining(code))
  expect(start([defineListener(makeContracts().toBot, () => undefined)])).toThrow(expect.objectContaining(code))
  for (const bound of ['concurrency', 'maxWaiting', 'maxWaitingBytes', 'maxHandlerMs'])
    expect(start([defineListener(toBot, () => undefined, { [bound]: 0 })])).toThrow(expect.objectContaining(code))
})
