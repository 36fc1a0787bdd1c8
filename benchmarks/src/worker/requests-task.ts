import { percentile } from '../measure/statistics.ts'
import { Stopwatch } from '../measure/stopwatch.ts'
import { inFlight } from '../work/in-flight.ts'
import { messageMaker } from '../work/messages.ts'
import type { StartTask } from './task.ts'

/** Asks `count` times, and notes for each how long it took until the answer, which has to be its own. */
export const startRequestsTask: StartTask = async ({ contender, work }) => {
  const { ask, answer } = contender
  if (!ask || !answer) throw new Error('it has no requests')
  const make = messageMaker(work.payloadBytes)
  await answer()
  return {
    async round(count) {
      const latencies = new Float64Array(count)
      const watch = new Stopwatch(work.brokerPids)
      watch.start()
      await inFlight(count, work.inFlight, async (n) => {
        const askedAt = performance.now()
        const answered = await ask(make(n))
        latencies[n] = performance.now() - askedAt
        if (answered.n !== n) throw new Error(`request ${n} was given the answer to ${answered.n}`)
      })
      const lap = watch.stop()
      const sorted = [...latencies]
      return { ...lap, messages: count, latencyMs: { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) } }
    },
    end: async () => undefined,
  }
}
