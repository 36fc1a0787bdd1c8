import { Stopwatch } from '../measure/stopwatch.ts'
import { Tally } from '../work/tally.ts'
import type { StartTask } from './task.ts'

/** Reads the `count` messages that the stream holds, without a durable, from the first message to the last. */
export const startReadTask: StartTask = async ({ contender, work }) => ({
  async round(count) {
    const { read } = contender
    if (read === undefined) throw new Error('this contender cannot read')
    const watch = new Stopwatch(work.brokerPids)
    const tally = new Tally(count, watch.start)
    await read(count, (message) => tally.add(message.n))
    const lap = watch.stop()
    if (tally.twice > 0) throw new Error(`${tally.twice} messages were read twice`)
    return { ...lap, messages: count }
  },
  end: async () => undefined,
})
