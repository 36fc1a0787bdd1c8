import { nuid } from '@nats-io/transport-node'
import { expect, test } from 'vitest'
import { defineHandler, KitErrorCode, startBus } from '../../src/index.ts'
import { collectLogs, waitFor } from '../../src/testing.ts'
import { onEnd } from '../harness.ts'
import { startKillableBroker } from './support/broker.ts'
import { faultContracts } from './support/contracts.ts'
import { freePort } from './support/free-port.ts'
import { Journal } from './support/journal.ts'
import { judge } from './support/judge.ts'
import { QUICK_CONNECTION, QUICK_SUBSCRIBER } from './support/worker-settings.ts'
import { attempt } from './support/writers.ts'

test('an app that starts before its broker: refuses meanwhile, says so, and works once it is there', async () => {
  const port = await freePort()
  const { contracts, channel } = faultContracts(nuid.next())
  const journal = new Journal()
  onEnd(async () => journal.remove())
  const logger = collectLogs()
  const bus = startBus({
    contracts,
    logger,
    connection: { ...QUICK_CONNECTION, servers: [`nats://127.0.0.1:${port}`], name: 'app' },
    publisher: {},
    subscriber: { ...QUICK_SUBSCRIBER, handlers: [defineHandler(channel, ({ id }) => journal.handled(id))] },
  })
  onEnd(() => bus.stop(5_000))
  const publish = (id: string) => bus.publisher.publish(channel, { id }, { id })

  await waitFor(() => logger.lines.filter((line) => line.fields['event'] === 'connectFailed').length >= 3)
  expect(bus.health().ready).toBe(false)
  for (let i = 0; i < 5; i++) {
    expect(await attempt(`early-${i}`, publish, journal)).toMatchObject({ code: KitErrorCode.BrokerUnavailable })
  }

  const broker = await startKillableBroker({ port })
  onEnd(() => broker.stop())
  await waitFor(() => bus.health().ready, { deadlineMs: 20_000 })
  for (let i = 0; i < 20; i++) expect(await attempt(`m-${i}`, publish, journal)).toBeUndefined()
  await waitFor(() => journal.missing().length === 0)
  const { acked, handled, twice } = judge('boot without broker', journal)
  expect([acked, handled, twice]).toEqual([20, 20, 0])
})
