import { Stopwatch } from '../measure/stopwatch.ts'
import { inFlight } from '../work/in-flight.ts'
import { messageMaker } from '../work/messages.ts'
import { expectStored, messagesIn } from '../work/verify.ts'
import type { StartTask } from './task.ts'

/** Publishes `count` messages, each awaited on its own, `inFlight` of them at once. */
export const startPublishTask: StartTask = async ({ contender, work, stream, manager }) => {
  const make = messageMaker(work.payloadBytes)
  return {
    async round(count) {
      const before = await messagesIn(manager, stream)
      const watch = new Stopwatch(work.brokerPids)
      watch.start()
      await inFlight(count, work.inFlight, (n) => contender.publish(make(n)))
      const lap = watch.stop()
      await expectStored(manager, stream, before, count)
      return { ...lap, messages: count }
    },
    end: async () => undefined,
  }
}
