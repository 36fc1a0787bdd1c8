import { expect, test } from 'vitest'
import { defineHandler } from '../src/index.ts'
import { startTestBus, waitFor } from '../src/testing.ts'
import { makeContracts, open, startBroker } from './harness.ts'

test('a broker of its own ends with the bus', async () => {
  const { contracts, toBot } = makeContracts()
  const handled: string[] = []
  const handlers = [defineHandler(toBot, ({ message }) => void handled.push(message))]
  const bus = await startTestBus({ contracts, subscriber: { handlers } })
  await bus.publisher.publish(toBot, { message: 'm' })
  await waitFor(() => handled.length === 1)
  const watching = await open({ url: bus.url })
  await bus[Symbol.asyncDispose]()
  await waitFor(() => watching.state === 'disconnected', { what: 'the end of the broker' })
})

test('a broker that is given stays, and two buses share it', async () => {
  const { contracts, toBot } = makeContracts()
  const broker = await startBroker()
  const first = await startTestBus({ contracts, broker, app: 'first' })
  await first.stop(5_000)
  await using second = await startTestBus({ contracts, broker, app: 'second' })
  expect(second.url).toBe(broker.url)
  expect(await second.publisher.publish(toBot, { message: 'm' })).toMatchObject({ seq: 1 })
})

test('options that cannot work are refused, and nothing is left running', async () => {
  const { contracts } = makeContracts()
  await expect(startTestBus({ contracts, subscriber: { handlers: [] } })).rejects.toMatchObject({
    code: 'invalid_options',
  })
})
