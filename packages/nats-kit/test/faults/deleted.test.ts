import { nuid } from '@nats-io/transport-node'
import { expect, test } from 'vitest'
import { defineHandler, createBus } from '../../src/index.ts'
import { collectLogs, waitFor } from '../../src/testing.ts'
import { onEnd, useBroker } from '../harness.ts'
import { faultContracts } from './support/contracts.ts'
import { Journal } from './support/journal.ts'
import { judge } from './support/judge.ts'
import { ackedMore } from './support/scenarios.ts'
import { drained, managerOf, setScene, subscribe } from './support/scene.ts'
import { QUICK_CONNECTION, QUICK_SUBSCRIBER } from './support/worker-settings.ts'
import { attempt, startWriters } from './support/writers.ts'

const broker = useBroker()

const TIMES = 3

test.each(['pull', 'push'] as const)(
  'the consumer is deleted mid-stream, time after time (%s): it is made again, and nothing is passed over',
  { timeout: 60_000 },
  async (mode) => {
    const scene = await setScene({ servers: [broker.current.url], onEnd })
    const { journal, connection, stream, channel } = scene
    const consuming = await scene.open({ name: 'app' })
    // A push consumer that is deleted says nothing; its runner finds out when it looks it up.
    const subscriber = await subscribe(scene, consuming, { onEnd, mode, watchdog: { lookMs: 300 } })
    const writers = startWriters({ name: 'w', writers: 2, pauseMs: 5, journal, publish: scene.publish })
    onEnd(() => writers.stop())
    const manager = await managerOf(connection)
    const states: string[] = []
    consuming.events.on('consumerStateChanged', ({ state }) => states.push(state))
    for (let round = 1; round <= TIMES; round++) {
      await ackedMore(scene, 50, `publishing before deletion ${round}`)
      await manager.consumers.delete(stream.name, `app_${channel.name}`)
      await waitFor(() => states.filter((state) => state === 'recovering').length >= round, { deadlineMs: 20_000 })
      await waitFor(() => subscriber.checks().every((check) => check.ok), { deadlineMs: 20_000 })
    }
    await writers.stop()
    await drained(scene, consuming)
    const { acked, attempted } = judge(`consumer deleted, ${mode}`, journal)
    expect(acked).toBe(attempted)
  },
)

test(
  'the stream is deleted while the app runs: made again by an app that may, and used from its beginning',
  { timeout: 60_000 },
  async () => {
    const { contracts, channel, stream } = faultContracts(nuid.next())
    const journal = new Journal()
    onEnd(async () => journal.remove())
    const logger = collectLogs()
    const bus = createBus({
      contracts,
      logger,
      connection: { ...QUICK_CONNECTION, servers: [broker.current.url], name: 'app' },
      publisher: {},
      subscriber: { ...QUICK_SUBSCRIBER, handlers: [defineHandler(channel, ({ id }) => journal.handled(id))] },
    })
    void bus.start()
    onEnd(() => bus.stop(5_000))
    const publish = (id: string) => bus.publisher.publish(channel, { id }, { id })
    await waitFor(() => bus.health().ready, { deadlineMs: 20_000 })
    for (let i = 0; i < 30; i++) expect(await attempt(`before-${i}`, publish, journal)).toBeUndefined()
    // What is deleted with the stream is the deleter's loss; here all of it was handled before.
    await waitFor(() => journal.missing().length === 0)
    const { connection } = await setScene({ servers: [broker.current.url], onEnd })
    await (await managerOf(connection)).streams.delete(stream.name)
    // Published into the gap: not acknowledged before the stream is there again.
    const results = await Promise.all(Array.from({ length: 30 }, (_, i) => attempt(`after-${i}`, publish, journal)))
    expect(results.filter((error) => error !== undefined)).toEqual([])
    await waitFor(() => journal.missing().length === 0, { deadlineMs: 30_000 })
    await waitFor(() => bus.health().ready, { deadlineMs: 20_000 })
    expect(judge('stream deleted', journal)).toMatchObject({ acked: 60, handled: 60 })
  },
)
