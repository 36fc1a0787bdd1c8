import { expect, test } from 'vitest'
import { waitFor } from '../../src/testing.ts'
import { onEnd } from '../harness.ts'
import { startKillableBroker } from './support/broker.ts'
import { judge } from './support/judge.ts'
import { consumerSettings } from './support/scenarios.ts'
import { deadLetters, setScene } from './support/scene.ts'
import { startConsumer, type Worker } from './support/worker.ts'
import { attempt } from './support/writers.ts'

/** Starts the process again whenever it dies, as an orchestrator does. */
function supervise(start: () => Worker): { readonly deaths: () => number; stop(): Promise<void> } {
  let isOn = true
  let deaths = 0
  let current = start()
  const done = (async () => {
    while (isOn) {
      await current.exited
      deaths++
      if (isOn) current = start()
    }
  })()
  return {
    deaths: () => deaths,
    async stop() {
      isOn = false
      await current.kill('SIGKILL')
      await done
    },
  }
}

test(
  'a message that kills its process at every delivery: acked = handled ∪ dead letters',
  { timeout: 90_000 },
  async () => {
    const broker = await startKillableBroker()
    onEnd(() => broker.stop())
    const scene = await setScene({ servers: [broker.url], onEnd })
    const { journal, connection } = scene
    for (let i = 0; i < 40; i++) {
      expect(await attempt(i === 20 ? 'crash' : `m-${i}`, scene.publish, journal)).toBeUndefined()
    }
    const supervised = supervise(() =>
      startConsumer({
        ...consumerSettings(scene, 'pull'),
        diesOn: 'crash',
        handleMs: 5,
        subscriber: { ackWaitMs: 500, maxDeliver: 3, concurrency: 4 },
      }),
    )
    onEnd(() => supervised.stop())
    const keptIds = async () => (await deadLetters(scene, connection)).map(({ id }) => id)
    await waitFor(async () => journal.missing({ kept: await keptIds() }).length === 0, {
      what: 'every acked message to be handled or a dead letter',
      deadlineMs: 60_000,
      everyMs: 100,
    })
    // Past the bound of failures: five deliveries without a verdict, and two runs alone.
    expect(supervised.deaths()).toBe(7)
    expect((await deadLetters(scene, connection)).find(({ id }) => id === 'crash')).toMatchObject({
      reason: 'never_settled',
      deliveries: 8,
    })
    // After that delivery it is left alone: what comes now is handled, and nothing dies any more.
    const deaths = supervised.deaths()
    expect(await attempt('after', scene.publish, journal)).toBeUndefined()
    await waitFor(() => journal.ids('handled.app').includes('after'))
    expect(supervised.deaths()).toBe(deaths)
    judge('crash loop', journal, { kept: await keptIds() })
  },
)

test.each([1, 2])(
  'a process dies with many messages at what would be their last failure, %i come back: each is handled',
  { timeout: 60_000 },
  async (instances) => {
    const broker = await startKillableBroker()
    onEnd(() => broker.stop())
    const scene = await setScene({ servers: [broker.url], onEnd })
    const { journal, connection } = scene
    const settings = {
      ...consumerSettings(scene, 'pull'),
      subscriber: { ackWaitMs: 500, maxDeliver: 1, concurrency: 32 },
    }
    const dying = startConsumer({ ...settings, holds: true })
    onEnd(() => dying.kill('SIGKILL'))
    await dying.ready
    for (let i = 0; i < 32; i++) expect(await attempt(`m-${i}`, scene.publish, journal)).toBeUndefined()
    await waitFor(() => journal.count('started.app') === 32)
    await dying.kill('SIGKILL')
    for (let i = 0; i < instances; i++) {
      const back = startConsumer(settings)
      onEnd(() => back.kill('SIGKILL'))
    }
    await waitFor(() => journal.missing().length === 0, { deadlineMs: 40_000, everyMs: 100 })
    expect(await deadLetters(scene, connection)).toEqual([])
    judge('died with many', journal)
  },
)
