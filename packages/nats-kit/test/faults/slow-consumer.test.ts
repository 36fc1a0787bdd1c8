import { expect, test } from 'vitest'
import { createJetStreamPublisher } from '../../src/index.ts'
import { waitFor } from '../../src/testing.ts'
import { onEnd, useBroker } from '../harness.ts'
import { judge } from './support/judge.ts'
import { consumerSettings, expectExit } from './support/scenarios.ts'
import { drained, managerOf, type Scene, setScene } from './support/scene.ts'
import { startConsumer } from './support/worker.ts'
import { attempt } from './support/writers.ts'

const broker = useBroker()

const MESSAGES = 20_000
const PAD_BYTES = 4_096
const BOUND = 16
/** A third of what waits: a process that took the backlog into its memory would grow by more than all of it. */
const MOST_GROWTH_BYTES = (MESSAGES * PAD_BYTES) / 3

/** Publishes all of it, as many at once as a publisher may. */
async function flood({ connection, contracts, channel, journal }: Scene): Promise<void> {
  const publisher = createJetStreamPublisher(connection, { contracts })
  onEnd(() => publisher.close())
  const pad = 'x'.repeat(PAD_BYTES)
  let next = 0
  const writer = async (): Promise<void> => {
    while (next < MESSAGES) {
      const error = await attempt(`m-${next++}`, (id) => publisher.publish(channel, { id, pad }, { id }), journal)
      if (error) throw error
    }
  }
  await Promise.all(Array.from({ length: 256 }, writer))
}

test.each(['pull', 'push'] as const)(
  'handlers hang beside a fast consumer (%s): the fast one gets everything, the slow one’s memory stays flat',
  { timeout: 120_000 },
  async (mode) => {
    const scene = await setScene({ servers: [broker.current.url], onEnd })
    const { journal, stream, channel, connection } = scene
    const settings = consumerSettings(scene, mode)
    const subscriber = { mode, concurrency: BOUND, ackWaitMs: 30_000 }
    const slow = startConsumer({ ...settings, app: 'slow', holds: true, subscriber })
    const fast = startConsumer({ ...settings, app: 'fast', subscriber: { ...subscriber, concurrency: 256 } })
    onEnd(() => Promise.all([slow.kill('SIGKILL'), fast.kill('SIGKILL')]))
    await Promise.all([slow.ready, fast.ready])
    expect(await attempt('first', scene.publish, journal)).toBeUndefined()
    await waitFor(() => journal.count('started.slow') === 1)
    const { rssBytes: before } = await slow.memory()

    const manager = await managerOf(connection)
    const slowInfo = () => manager.consumers.info(stream.name, `slow_${channel.name}`)
    await flood(scene)
    await drained(scene, connection, 'fast', 60_000)
    // All of it waits for the slow one, which holds its bound and no more.
    const info = await slowInfo()
    expect(info.num_ack_pending).toBeLessThanOrEqual(BOUND)
    expect(info.num_pending + info.num_ack_pending).toBe(MESSAGES + 1)
    expect(journal.count('started.slow')).toBeLessThanOrEqual(BOUND)
    const grown = (await slow.memory()).rssBytes - before
    expect(grown).toBeLessThan(MOST_GROWTH_BYTES)
    expect(judge(`fast beside slow, ${mode}`, journal, { app: 'fast' }).twice).toBe(0)

    slow.release()
    await drained(scene, connection, 'slow', 60_000)
    expect(
      judge(`slow beside fast, ${mode}, grown by ${Math.round(grown / 2 ** 20)} MiB`, journal, { app: 'slow' }).twice,
    ).toBe(0)
    await Promise.all([expectExit(slow, 0), expectExit(fast, 0)])
  },
)
