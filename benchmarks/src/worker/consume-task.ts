import { Stopwatch } from '../measure/stopwatch.ts'
import { Tally } from '../work/tally.ts'
import { expectSettled } from '../work/verify.ts'
import { ROUND_TIMEOUT_MS } from './limits.ts'
import type { StartTask } from './task.ts'

/**
 * Consumes the `count` messages that the stream holds, with a new consumer each round. The clock runs from the first
 * message to the last ack read by the broker, so that making the consumer is not part of it.
 */
export const startConsumeTask: StartTask = async ({ contender, work, stream, manager }) => ({
  async round(count) {
    const watch = new Stopwatch(work.brokerPids)
    const tally = new Tally(count, watch.start)
    const consumption = await contender.consume(async (message) => tally.add(message.n))
    await tally.complete(ROUND_TIMEOUT_MS)
    await contender.flush()
    const lap = watch.stop()
    await expectSettled(manager, stream, consumption.name)
    await consumption.stop()
    if (tally.twice > 0) throw new Error(`${tally.twice} messages were handled twice`)
    return { ...lap, messages: count }
  },
  end: async () => undefined,
})
