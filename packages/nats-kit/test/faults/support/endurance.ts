import { setTimeout as sleep } from 'node:timers/promises'
import type { KillableBroker } from './broker.ts'
import { type MemoryReport, watchMemory } from './memory.ts'
import { ackedMore, consumerSettings, expectExit, publisherSettings } from './scenarios.ts'
import { drained, type OnEnd, type Scene, setScene } from './scene.ts'
import { startConsumer, startPublisher } from './worker.ts'

export interface EnduranceOptions {
  readonly onEnd: OnEnd
  readonly forMs: number
  readonly random: () => number
  readonly mode: 'pull' | 'push'
}

export interface Endurance {
  readonly scene: Scene
  readonly kills: number
  readonly memory: { readonly publisher: MemoryReport; readonly consumer: MemoryReport }
}

/** Between two kills of the broker, at random within these bounds. */
const SHORTEST_CALM_MS = 4_000
const LONGEST_CALM_MS = 15_000

/**
 * One publishing and one consuming process for the whole time, while the broker is killed now and then: whatever a
 * reconnection leaves behind in them would add up. Their memory is sampled all along.
 */
export async function endure(broker: KillableBroker, options: EnduranceOptions): Promise<Endurance> {
  const { onEnd, forMs, random, mode } = options
  const endsAt = performance.now() + forMs
  // The stream holds a minute or so of messages, all of them handled before they are dropped.
  const scene = await setScene({ servers: [broker.url], onEnd, stream: { discard: 'old', maxMessages: 100_000 } })
  const consumer = startConsumer(consumerSettings(scene, mode))
  onEnd(() => consumer.kill('SIGKILL'))
  await consumer.ready
  const publisher = startPublisher({ ...publisherSettings(scene), writers: 4, pauseMs: 4 })
  onEnd(() => publisher.kill('SIGKILL'))
  await publisher.ready
  const [publisherMemory, consumerMemory] = [watchMemory(publisher), watchMemory(consumer)]
  let kills = 0
  for (;;) {
    const calmMs = SHORTEST_CALM_MS + random() * (LONGEST_CALM_MS - SHORTEST_CALM_MS)
    const leftMs = endsAt - performance.now()
    await sleep(Math.max(0, Math.min(calmMs, leftMs)))
    if (leftMs <= calmMs) break
    await broker.kill()
    await broker.restart()
    await ackedMore(scene, 1, 'publishing after a restart')
    kills++
  }
  const memory = { publisher: publisherMemory.stop(), consumer: consumerMemory.stop() }
  await expectExit(publisher, 0)
  await drained(scene, scene.connection)
  await expectExit(consumer, 0)
  return { scene, kills, memory }
}
