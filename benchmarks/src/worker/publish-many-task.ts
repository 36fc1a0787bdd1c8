import { Stopwatch } from '../measure/stopwatch.ts'
import { inFlight } from '../work/in-flight.ts'
import { messageMaker } from '../work/messages.ts'
import { expectStored, messagesIn } from '../work/verify.ts'
import type { StartTask } from './task.ts'

/** The server's limit for one atomic batch. */
const BATCH_MESSAGES = 1_000

/** Publishes `count` messages in full batches, each awaited on its own, so many at once that `inFlight` messages wait. */
export const startPublishManyTask: StartTask = async ({ contender, work, stream, manager }) => {
  const make = messageMaker(work.payloadBytes)
  const { publishMany } = contender
  if (publishMany === undefined) throw new Error('this contender has no atomic batches')
  return {
    async round(count) {
      const before = await messagesIn(manager, stream)
      const watch = new Stopwatch(work.brokerPids)
      watch.start()
      await inFlight(Math.ceil(count / BATCH_MESSAGES), work.inFlight / BATCH_MESSAGES, (batch) => {
        const from = batch * BATCH_MESSAGES
        return publishMany(Array.from({ length: Math.min(BATCH_MESSAGES, count - from) }, (_, n) => make(from + n)))
      })
      const lap = watch.stop()
      await expectStored(manager, stream, before, count)
      return { ...lap, messages: count }
    },
    end: async () => undefined,
  }
}
