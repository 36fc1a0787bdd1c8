import { Stopwatch } from '../measure/stopwatch.ts'
import { inFlight } from '../work/in-flight.ts'
import { messageMaker } from '../work/messages.ts'
import { Tally } from '../work/tally.ts'
import { expectSettled, expectStored, messagesIn } from '../work/verify.ts'
import { ROUND_TIMEOUT_MS } from './limits.ts'
import type { StartTask } from './task.ts'

/** Publishes `count` messages and consumes them in the same process, until the broker has read the last ack. */
export const startBothEndsTask: StartTask = async ({ contender, work, stream, manager }) => {
  const make = messageMaker(work.payloadBytes)
  let tally = new Tally(0)
  const consumption = await contender.consume(async (message) => tally.add(message.n))
  return {
    async round(count) {
      tally = new Tally(count)
      const before = await messagesIn(manager, stream)
      const watch = new Stopwatch(work.brokerPids)
      watch.start()
      await Promise.all([
        inFlight(count, work.inFlight, (n) => contender.publish(make(n))),
        tally.complete(ROUND_TIMEOUT_MS),
      ])
      await contender.flush()
      const lap = watch.stop()
      await expectStored(manager, stream, before, count)
      await expectSettled(manager, stream, consumption.name)
      if (tally.twice > 0) throw new Error(`${tally.twice} messages were handled twice`)
      return { ...lap, messages: count }
    },
    end: () => consumption.stop(),
  }
}
