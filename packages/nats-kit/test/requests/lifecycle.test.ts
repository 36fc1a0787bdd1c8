import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { defineApp } from '@alarm-bus/contracts'
import { expect, test } from 'vitest'
import { createBus, defineResponder, KitErrorCode } from '../../src/index.ts'
import { collectLogs, startTestBus, waitFor } from '../../src/testing.ts'
import { freePort, onEnd, startBroker, useBroker } from '../harness.ts'
import { failure, makeRequest, setScene } from './scene.ts'

const broker = useBroker()

test('while the broker is away: told at once, what waits is rejected, and it goes on after a reconnect', async () => {
  const port = await freePort()
  const first = await startBroker({ port })
  const { requester, division, answer } = await setScene(first)
  let hold = true
  let isRunning = false
  const { connection } = await answer(({ a, note }) => {
    isRunning = true
    return hold ? new Promise(() => {}) : { quotient: a, note }
  })
  const waiting = failure(requester.request(division, { a: 1, b: 1 }))
  await waitFor(() => isRunning, { what: 'the handler to run' })
  await first.stop()
  expect(await waiting).toMatchObject({
    code: KitErrorCode.BrokerUnavailable,
    message: expect.stringContaining('may have been handled'),
  })
  expect(await failure(requester.request(division, { a: 1, b: 1 }))).toMatchObject({
    code: KitErrorCode.BrokerUnavailable,
    message: expect.stringContaining('nothing was sent'),
  })
  hold = false
  await startBroker({ port })
  await waitFor(() => connection.state === 'connected', { what: 'the responder to be back' })
  await waitFor(
    async () =>
      requester.request(division, { a: 4, b: 1 }).then(
        () => true,
        () => false,
      ),
    {
      what: 'an answer after the reconnect',
    },
  )
})

test('a responder that stops lets its handlers answer, and takes nothing more', async () => {
  const { requester, division, answer } = await setScene(broker.current)
  let end = (): void => undefined
  const { stop, checks } = await answer(
    async ({ a, note }) => {
      if (a === 0) await new Promise<void>((resolve) => (end = resolve))
      return { quotient: a, note }
    },
    { concurrency: 1 },
  )
  const running = requester.request(division, { a: 0, b: 1 })
  const queued = requester.request(division, { a: 1, b: 1 })
  await waitFor(() => checks()[0]?.detail.includes('1 running, 1 waiting'), { what: 'both to be there' })
  const stopping = stop()
  await waitFor(
    async () => {
      // One that still came waits for a place like the others, and this test for none of them.
      const error = await failure(requester.request(division, { a: 2, b: 1 }, { timeoutMs: 300 }))
      return error.code === KitErrorCode.NoResponder
    },
    { what: 'the responder to take nothing more' },
  )
  end()
  expect(await running).toMatchObject({ quotient: 0 })
  expect(await queued).toMatchObject({ quotient: 1 })
  expect(await stopping).toBe(0)
})

test('a responder that has no more time aborts its handlers and says how many', async () => {
  const { requester, division, answer } = await setScene(broker.current)
  let reason: unknown
  let isRunning = false
  const { stop } = await answer((_, { signal }) => {
    isRunning = true
    signal.addEventListener('abort', () => (reason = signal.reason))
    return new Promise(() => {})
  })
  const asked = failure(requester.request(division, { a: 0, b: 1 }))
  await waitFor(() => isRunning, { what: 'the handler to run' })
  expect(await stop(100)).toBe(1)
  expect(String(reason)).toContain('the app stops')
  requester.close()
  expect((await asked).code).toBe(KitErrorCode.Closed)
  expect((await failure(requester.request(division, { a: 0, b: 1 }))).code).toBe(KitErrorCode.Closed)
})

test('a bus asks and answers, and its end is clean', async () => {
  const { division, contracts } = makeRequest()
  await using answers = await startTestBus({
    contracts,
    app: 'calculator',
    broker: broker.current,
    responders: [defineResponder(division, ({ a, b, note }) => ({ quotient: a / b, note }))],
  })
  await using asks = await startTestBus({ contracts, broker: broker.current })
  expect(await asks.requester.request(division, { a: 6, b: 3 })).toMatchObject({ quotient: 2 })
  expect(answers.health()).toMatchObject({ ready: true })
  expect(answers.health().checks).toContainEqual({
    name: 'responder:division',
    ok: true,
    detail: 'answers; 0 running, 0 waiting',
  })
  expect(await answers.stop(5_000)).toMatchObject({ clean: true })
  expect((await failure(asks.requester.request(division, { a: 6, b: 3 }))).code).toBe(KitErrorCode.NoResponder)
})

test('an app that only asks, or only answers, looks after no stream and is ready', async () => {
  const { division, contracts } = makeRequest()
  const app = defineApp({ name: 'caller', owner: 'x', description: 'y', asks: [division] })
  const bus = createBus({
    contracts,
    app,
    connection: { name: 'caller', servers: [broker.current.url] },
    logger: collectLogs(),
    requester: {},
  })
  onEnd(() => bus.stop(5_000))
  void bus.start()
  await bus.ready()
  expect((await failure(bus.requester.request(division, { a: 1, b: 1 }))).code).toBe(KitErrorCode.NoResponder)
})

test('what the declaration does not say is refused at start', () => {
  const { division, contracts } = makeRequest()
  const declared = { name: 'app', owner: 'x', description: 'y' }
  const { contracts: others } = makeRequest()
  const start = (options: object) => () =>
    createBus({
      contracts,
      connection: { name: 'app', servers: ['127.0.0.1:1'] },
      logger: collectLogs(),
      ...options,
    } as Parameters<typeof createBus>[0])
  const responders = [defineResponder(division, ({ a, note }) => ({ quotient: a, note }))]
  const asking = defineApp({ ...declared, asks: [division] })
  expect(start({ app: asking, responders })).toThrow('it answers division without declaring so')
  const answering = defineApp({ ...declared, answers: [division] })
  expect(start({ app: answering })).toThrow('it declares to answer division, but has no responder')
  expect(start({ app: answering, responders, requester: {} })).toThrow('declares no request to ask')
  expect(start({ responders: [...responders, ...responders] })).toThrow('has two responders')
  expect(start({ contracts: others, responders })).toThrow('is not part of the contracts')
})

test('a bus without a requester says so', async () => {
  const { division, contracts } = makeRequest()
  const bus = createBus({ contracts, connection: { name: 'app', servers: ['127.0.0.1:1'] }, logger: collectLogs() })
  onEnd(() => bus.stop(1_000))
  expect((await failure(bus.requester.request(division, { a: 1, b: 1 }))).code).toBe(KitErrorCode.InvalidOptions)
})

test('what came while the process stood still is not begun', async () => {
  const { requester, division } = await setScene(broker.current)
  const child = spawn(
    process.execPath,
    ['--conditions=@alarm-bus/source', new URL('./responder-process.ts', import.meta.url).pathname],
    {
      env: { ...process.env, URL: broker.current.url, SUBJECT: division.subject },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  onEnd(async () => void child.kill('SIGKILL'))
  const lines: string[] = []
  child.stdout.on('data', (text) => lines.push(...String(text).split('\n').filter(Boolean)))
  await waitFor(() => lines.includes('ready'), { what: 'the responder', deadlineMs: 20_000 })
  await requester.request(division, { a: 1, b: 1 })
  child.kill('SIGSTOP')
  const late = await failure(requester.request(division, { a: 2, b: 1 }, { timeoutMs: 300 }))
  expect(late.code).toBe(KitErrorCode.Timeout)
  child.kill('SIGCONT')
  expect(
    await requester.request(division, { a: 3, b: 1 }).catch(async () => requester.request(division, { a: 3, b: 1 })),
  ).toMatchObject({ quotient: 3 })
  child.kill('SIGTERM')
  await once(child, 'close')
  expect(lines.filter((line) => line.startsWith('begun'))).toEqual(['begun 1', 'begun 3'])
}, 60_000)
