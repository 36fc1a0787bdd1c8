import { setTimeout as sleep } from 'node:timers/promises'
import { percentile } from '../measure/statistics.ts'
import { Stopwatch } from '../measure/stopwatch.ts'
import { messageMaker } from '../work/messages.ts'
import { Tally } from '../work/tally.ts'
import { expectSettled, expectStored, messagesIn } from '../work/verify.ts'
import { ROUND_TIMEOUT_MS } from './limits.ts'
import type { StartTask } from './task.ts'

const MESSAGES_PER_MS = 1

/** Publishes 1,000 messages a second and notes for each how long it took from `publish` to its handler. */
export const startLatencyTask: StartTask = async ({ contender, work, stream, manager }) => {
  const make = messageMaker(work.payloadBytes)
  let tally = new Tally(0)
  let sentAt = new Float64Array(0)
  let latencies = new Float64Array(0)
  const consumption = await contender.consume(async (message) => {
    latencies[message.n] = performance.now() - (sentAt[message.n] ?? Number.NaN)
    tally.add(message.n)
  })
  const send = async (count: number): Promise<void> => {
    const acks: Promise<unknown>[] = []
    const startedAt = performance.now()
    while (acks.length < count) {
      const due = Math.min(count, Math.ceil((performance.now() - startedAt) * MESSAGES_PER_MS))
      while (acks.length < due) {
        const n = acks.length
        sentAt[n] = performance.now()
        acks.push(contender.publish(make(n)))
      }
      await sleep(1)
    }
    await Promise.all(acks)
  }
  return {
    async round(count) {
      tally = new Tally(count)
      sentAt = new Float64Array(count)
      latencies = new Float64Array(count)
      const before = await messagesIn(manager, stream)
      const watch = new Stopwatch(work.brokerPids)
      watch.start()
      await Promise.all([send(count), tally.complete(ROUND_TIMEOUT_MS)])
      await contender.flush()
      const lap = watch.stop()
      await expectStored(manager, stream, before, count)
      await expectSettled(manager, stream, consumption.name)
      const sorted = [...latencies]
      return { ...lap, messages: count, latencyMs: { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) } }
    },
    end: () => consumption.stop(),
  }
}
