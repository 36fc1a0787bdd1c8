import { expect, test } from 'vitest'
import { waitFor } from '../../src/testing.ts'
import { onEnd } from '../harness.ts'
import { startKillableBroker } from './support/broker.ts'
import { judge } from './support/judge.ts'
import { ackedMore, consumerSettings, expectExit } from './support/scenarios.ts'
import { drained, setScene } from './support/scene.ts'
import { startConsumer } from './support/worker.ts'
import { startWriters } from './support/writers.ts'

const DEPLOYS = 3
/** More than the deploys handle: messages are on their way, and waiting, at each SIGTERM. */
const BACKLOG = 8_000

test.each(['pull', 'push'] as const)(
  'SIGTERM with handlers running, time after time (%s): each finishes and is acknowledged, so nothing comes twice',
  { timeout: 90_000 },
  async (mode) => {
    const broker = await startKillableBroker()
    onEnd(() => broker.stop())
    const scene = await setScene({ servers: [broker.url], onEnd })
    const { journal } = scene
    const settings = {
      ...consumerSettings(scene, mode),
      handleMs: 5,
      // Longer than the test: a message that shutdown left behind would not come again, and be missed.
      subscriber: { mode, ackWaitMs: 60_000, maxDeliver: 5, concurrency: 64 },
    }
    const writers = startWriters({ name: 'w', writers: 128, journal, publish: scene.publish })
    onEnd(() => writers.stop())
    await ackedMore(scene, BACKLOG, 'publishing')
    await writers.stop()
    for (let deploy = 1; deploy <= DEPLOYS; deploy++) {
      const before = journal.count('started.app')
      const consumer = startConsumer(settings)
      onEnd(() => consumer.kill('SIGKILL'))
      await waitFor(() => journal.count('started.app') >= before + 500, { what: `handlers of process ${deploy}` })
      await waitFor(() => journal.count('started.app') > journal.count('handled.app'), { everyMs: 1 })
      await expectExit(consumer, 0)
      expect(journal.count('handled.app')).toBe(journal.count('started.app'))
    }
    const last = startConsumer({ ...settings, handleMs: 0 })
    onEnd(() => last.kill('SIGKILL'))
    await drained(scene, scene.connection)
    await expectExit(last, 0)
    expect(judge(`SIGTERM, ${mode}`, journal).twice).toBe(0)
  },
)
