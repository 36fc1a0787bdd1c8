import { setTimeout as sleep } from 'node:timers/promises'
import { alarmToBot, contracts } from '@alarm-bus/contracts'
import { withCompanions } from '@alarm-bus/nats-kit/admin'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { jetstreamManager, StorageType } from '@nats-io/jetstream'
import { expect, test } from 'vitest'
import { authOf, makeConsumers, startBroker } from './harness.ts'
import { start } from './run-script.ts'
import { repeated, startConsumer, startPublisher } from './traffic.ts'

const STREAM = 'BASQUIAT_STREAM'
const MIGRATE = ['apply', '--yes', '--allow-destroy', '--destroy', STREAM, '--settle-ms', '20000'] as const

/** In milliseconds after the copy is begun: while it is filled, while consumers are drained, on the way back, or behind it. */
test.each([
  ['SIGKILL', 0],
  ['SIGKILL', 250],
  ['SIGKILL', 500],
  ['SIGINT', 0],
  ['SIGINT', 300],
] as const)(
  '%s %i ms into a migration under load: the next apply finishes it, nothing is lost or handled twice',
  { timeout: 120_000 },
  async (signal, afterMs) => {
    await using broker = await startBroker()
    const manager = await jetstreamManager(await broker.raw('admin'))
    const [declared, ...companions] = contracts.streams.flatMap((stream) => withCompanions(stream))
    await manager.streams.add({ ...declared, name: STREAM, max_bytes: 40 * 1024 * 1024, storage: StorageType.Memory })
    for (const companion of companions) await manager.streams.add(companion)
    await makeConsumers(manager)
    const ops = (...args: string[]) => {
      const passwords = {
        NATS_ADMIN_PASSWORD: authOf('admin').password,
        NATS_MIGRATOR_PASSWORD: authOf('migrator').password,
      }
      return start({ NATS_SERVERS: broker.server.url, ...passwords }, ...args)
    }
    const publisher = startPublisher(broker, alarmToBot)
    const alarms = startConsumer(broker, 'alarm-consumer', [alarmToBot])
    await waitFor(() => alarms.handled.length > 100, { deadlineMs: 30_000 })

    const cut = ops(...MIGRATE)
    const names = async () => (await manager.streams.list().next()).map(({ config }) => config.name)
    const isBegun = async () => (await names()).includes(`${STREAM}_MIGRATION`) || cut.said.out.includes(': migrated')
    await waitFor(isBegun, { deadlineMs: 20_000, what: 'the migration to begin' })
    await sleep(afterMs)
    cut.child.kill(signal)
    await cut.ended
    expect(await ops(...MIGRATE).ended).toMatchObject({ code: 0 })

    const storedBefore = publisher.stored.length
    await waitFor(() => publisher.stored.length > storedBefore + 20, {
      deadlineMs: 30_000,
      what: 'publishing after it',
    })
    await publisher.stop()
    await waitFor(() => new Set(alarms.handled).size >= publisher.stored.length, { deadlineMs: 40_000 })
    await alarms.stop()
    expect(repeated(alarms.handled)).toEqual([])
    expect(alarms.handled.toSorted()).toEqual(publisher.stored.toSorted())
    const { config, state } = await manager.streams.info(STREAM)
    expect({ storage: config.storage, messages: state.messages }).toEqual({
      storage: 'file',
      messages: publisher.stored.length,
    })
    expect(await names()).not.toContain(`${STREAM}_MIGRATION`)
    expect((await ops('plan').ended).code).toBe(0)
  },
)
