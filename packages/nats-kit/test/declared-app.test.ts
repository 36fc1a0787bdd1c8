import { type AppOptions, defineApp } from '@alarm-bus/contracts'
import { expect, test } from 'vitest'
import {
  type BusOptions,
  createBus,
  defineHandler,
  defineListener,
  KitErrorCode,
  kvOnceStore,
  onceOnly,
} from '../src/index.ts'
import { collectLogs, waitFor } from '../src/testing.ts'
import { makeContracts, onEnd, startBroker } from './harness.ts'

const made = makeContracts()
const handler = defineHandler(made.toBot, () => undefined)

function start(declared: Partial<AppOptions>, options: Partial<BusOptions>, url = '127.0.0.1:1') {
  const bus = createBus({
    contracts: made.contracts,
    app: defineApp({ name: 'app', description: 'x', owner: 'team', ...declared }),
    connection: { servers: [url], name: 'app' },
    logger: collectLogs(),
    ...options,
  })
  void bus.start()
  onEnd(() => bus.stop(2_000))
  return bus
}

test('what is not as declared is refused at start', () => {
  const refused = (declared: Partial<AppOptions>, options: Partial<BusOptions>): unknown => {
    try {
      start(declared, options)
    } catch (error) {
      return error
    }
    return undefined
  }
  const code = KitErrorCode.InvalidOptions
  expect(refused({ publishes: [made.toLog] }, { subscriber: { handlers: [handler] } })).toMatchObject({
    code,
    message: expect.stringContaining(`handles ${made.toBot.name} without declaring so`),
  })
  expect(refused({ handles: [made.toBot, made.toLog] }, { subscriber: { handlers: [handler] } })).toMatchObject({
    code,
    message: expect.stringContaining(`declares to handle ${made.toLog.name}, but has no handler`),
  })
  expect(refused({ handles: [made.toBot] }, { publisher: {}, subscriber: { handlers: [handler] } })).toMatchObject({
    code,
    message: expect.stringContaining('declares no channel to publish on'),
  })
  expect(refused({ publishes: [made.toBot] }, { publisher: { idempotency: true } })).toMatchObject({
    code,
    message: expect.stringContaining('holds ids to one message without declaring so'),
  })
  const remembering = onceOnly(handler, { store: kvOnceStore() })
  expect(refused({ handles: [made.toBot] }, { subscriber: { handlers: [remembering] } })).toMatchObject({
    code,
    message: expect.stringContaining('remembers what was handled (onceOnly) without declaring so; add onceOnly: true'),
  })
  expect(
    refused({ handles: [made.toBot], onceOnly: true }, { subscriber: { handlers: [remembering] } }),
  ).toBeUndefined()
  const listener = defineListener(made.toLog, () => undefined)
  expect(refused({ publishes: [made.toBot] }, { listeners: [listener] })).toMatchObject({
    code,
    message: expect.stringContaining(`hears ${made.toLog.name} without declaring so`),
  })
  expect(refused({ hears: [made.toBot, made.toLog] }, { listeners: [listener] })).toMatchObject({
    code,
    message: expect.stringContaining(`declares to hear ${made.toBot.name}, but has no listener`),
  })
  const bus = start({ reads: [made.toBot] }, {})
  expect(() => bus.read(made.toLog, { from: 'start' })).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(`does not declare that it reads`) }),
  )
  expect(
    refused({ publishes: [made.toBot] }, { publisher: {}, connection: { servers: ['127.0.0.1:1'], name: 'other' } }),
  ).toMatchObject({ code, message: expect.stringContaining('the connection is called "other"') })
})

test('publishing on a channel that is not declared is refused one by one and in batches, on both publishers', async () => {
  const server = await startBroker()
  const bus = start({ publishes: [made.toBot] }, { publisher: {} }, server.url)
  await waitFor(() => bus.health().ready)
  const refusal = { code: KitErrorCode.InvalidOptions, message: expect.stringContaining('does not declare') }
  await expect(bus.publisher.publish(made.toLog, { message: 'x' })).rejects.toMatchObject(refusal)
  await expect(bus.publisher.publishMany(made.toLog, [{ message: 'x' }])).rejects.toMatchObject(refusal)
  await expect(bus.publisher.publishStream(made.toLog, [{ message: 'x' }])).rejects.toMatchObject(refusal)
  await expect(bus.corePublisher.publish(made.toLog, { message: 'x' })).rejects.toMatchObject(refusal)
  expect(await bus.publisher.publish(made.toBot, { message: 'x' })).toMatchObject({ seq: 1 })
  expect(await bus.publisher.publishMany(made.toBot, [{ message: 'y' }])).toMatchObject({ lastSeq: 2 })
})

test('retries that the declaration names for a channel apply, unless the handler says otherwise', async () => {
  const server = await startBroker()
  const seen: string[] = []
  const failing = (channel: typeof made.toBot | typeof made.toLog, options = {}) =>
    defineHandler(
      channel,
      (_message, context) => {
        seen.push(`${context.channel} ${context.deliveryCount}`)
        throw new Error('not now')
      },
      options,
    )
  const retry = { baseMs: 1, capMs: 1 }
  const bus = start(
    {
      publishes: [made.toBot, made.toLog],
      handles: [
        { channel: made.toBot, maxDeliver: 2, retry },
        { channel: made.toLog, maxDeliver: 5, retry },
      ],
    },
    {
      publisher: {},
      subscriber: { maxDeliver: 9, handlers: [failing(made.toBot), failing(made.toLog, { maxDeliver: 1 })] },
    },
    server.url,
  )
  const stored: string[] = []
  bus.events.on('deadLetterStored', ({ channel }) => stored.push(channel))
  await waitFor(() => bus.health().ready)
  await bus.publisher.publish(made.toBot, { message: 'x' })
  await bus.publisher.publish(made.toLog, { message: 'x' })
  await waitFor(() => stored.length === 2)
  expect(seen.sort()).toEqual([`${made.toBot.name} 1`, `${made.toBot.name} 2`, `${made.toLog.name} 1`])
})
