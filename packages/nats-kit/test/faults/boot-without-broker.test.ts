import { nuid } from '@nats-io/transport-node'
import { expect, test } from 'vitest'
import { defineHandler, KitErrorCode, createBus } from '../../src/index.ts'
import { collectLogs, waitFor } from '../../src/testing.ts'
import { onEnd } from '../harness.ts'
import { startKillableBroker } from './support/broker.ts'
import { faultContracts } from './support/contracts.ts'
import { freePort } from './support/free-port.ts'
import { Journal } from './support/journal.ts'
import { judge } from './support/judge.ts'
import { QUICK_CONNECTION, QUICK_SUBSCRIBER } from './support/worker-settings.ts'
import { attempt } from './support/writers.ts'

test('an app that starts before its broker: keeps what is published for its budget, and works once it is there', async () => {
  const port = await freePort()
  const { contracts, channel } = faultContracts(nuid.next())
  const journal = new Journal()
  onEnd(async () => journal.remove())
  const logger = collectLogs()
  const bus = createBus({
    contracts,
    logger,
    connection: { ...QUICK_CONNECTION, servers: [`nats://127.0.0.1:${port}`], name: 'app' },
    publisher: {},
    subscriber: { ...QUICK_SUBSCRIBER, handlers: [defineHandler(channel, ({ id }) => journal.handled(id))] },
  })
  void bus.start()
  onEnd(() => bus.stop(5_000))
  const publish = (id: string, timeoutMs?: number) =>
    bus.publisher.publish(channel, { id }, { id, ...(timeoutMs !== undefined && { timeoutMs }) })

  await waitFor(() => logger.lines.filter((line) => line.fields['event'] === 'connectFailed').length >= 3)
  expect(bus.health().ready).toBe(false)
  const soon = (id: string) => publish(id, 100)
  const early = await Promise.all(Array.from({ length: 5 }, (_, i) => attempt(`early-${i}`, soon, journal)))
  for (const error of early) expect(error).toMatchObject({ code: KitErrorCode.BrokerUnavailable })
  const waiting = Array.from({ length: 5 }, (_, i) => attempt(`waiting-${i}`, publish, journal))

  const broker = await startKillableBroker({ port })
  onEnd(() => broker.stop())
  await waitFor(() => bus.health().ready, { deadlineMs: 20_000 })
  expect(await Promise.all(waiting)).toEqual(waiting.map(() => undefined))
  for (let i = 0; i < 20; i++) expect(await attempt(`m-${i}`, publish, journal)).toBeUndefined()
  await waitFor(() => journal.missing().length === 0)
  const { acked, handled, twice } = judge('boot without broker', journal)
  expect([acked, handled, twice]).toEqual([25, 25, 0])
})
