import { Stopwatch } from '../measure/stopwatch.ts'
import type { BenchMessage } from '../work/contracts.ts'
import { messageMaker } from '../work/messages.ts'
import { expectStored, messagesIn } from '../work/verify.ts'
import type { StartTask } from './task.ts'

/** Publishes `count` messages of one async iterable. */
export const startPublishStreamTask: StartTask = async ({ contender, work, stream, manager }) => {
  const make = messageMaker(work.payloadBytes)
  const { publishStream } = contender
  if (publishStream === undefined) throw new Error('this contender has no fast ingest')
  async function* messages(count: number): AsyncGenerator<BenchMessage> {
    for (let n = 0; n < count; n++) yield make(n)
  }
  return {
    async round(count) {
      const before = await messagesIn(manager, stream)
      const watch = new Stopwatch(work.brokerPids)
      watch.start()
      await publishStream(messages(count))
      const lap = watch.stop()
      await expectStored(manager, stream, before, count)
      return { ...lap, messages: count }
    },
    end: async () => undefined,
  }
}
