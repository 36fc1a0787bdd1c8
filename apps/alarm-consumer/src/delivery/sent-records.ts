import { createMemoryOnceStore, errorText, type LateOnceStore, type OnceClaim, type OnceKey } from '@alarm-bus/nats-kit'
import type { ServiceLogger } from '@alarm-bus/service'
import { isTaskCancelledError, timeout, TimeoutStrategy } from 'cockatiel'

const MAX_WAIT_MS = 3_000

export interface SentRecordsOptions {
  /** Shared by all instances, and outlasts them. */
  readonly shared: LateOnceStore
  readonly logger: ServiceLogger
  /** How long it is waited for, before the sending and after it, in milliseconds. Default 3,000. */
  readonly maxWaitMs?: number
}

/**
 * Remembers which alarms were sent, in this process and in `shared`.
 *
 * An alarm that comes twice is better than one that does not come. So where `shared` cannot say in time whether an alarm
 * was sent, it is sent all the same, with an error in the log; what this process sent itself it knows without asking. The
 * record is tried on behind it, since it counts for the others however late it comes.
 * `claim` never rejects.
 */
export function createSentRecords({ shared, logger, maxWaitMs = MAX_WAIT_MS }: SentRecordsOptions): LateOnceStore {
  const here = createMemoryOnceStore()
  const patience = timeout(maxWaitMs, TimeoutStrategy.Aggressive)
  const inTime = async <T>(answer: Promise<T>): Promise<T> => {
    try {
      return await patience.execute(() => answer)
    } catch (error) {
      throw isTaskCancelledError(error) ? new Error(`the broker gave no answer within ${maxWaitMs} ms`) : error
    }
  }

  const answerOf = async (asked: Promise<Answer>, { stream, seq, consumer }: OnceKey): Promise<Answer | undefined> => {
    try {
      return await inTime(asked)
    } catch (error) {
      logger.error(
        { event: 'sentBeforeUnknown', stream, seq, destination: consumer, error: errorText(error) },
        'whether an alarm was sent before cannot be found out; it is sent, and may have come twice',
      )
      return undefined
    }
  }

  return {
    open: (connection) => shared.open(connection),
    close: () => shared.close(),
    look: async (key) => shared.look?.(key),
    async claim(key) {
      const local = await here.claim(key)
      if (typeof local === 'string') return local
      const asked = shared.claim(key)
      const answer = await answerOf(asked, key)
      if (typeof answer !== 'string') {
        return {
          async done() {
            await local.done()
            // Asked once more where it was away.
            const recorded = asked.catch(() => shared.claim(key)).then(record)
            await inTime(recorded)
          },
          async release() {
            await local.release()
            const released = asked.then(giveBack, () => undefined)
            await inTime(released)
          },
        }
      }
      await (answer === 'done' ? local.done() : local.release())
      return answer
    },
  }
}

type Answer = OnceClaim | 'running' | 'done'

async function record(claim: Answer): Promise<void> {
  if (claim === 'running') throw new Error('another delivery has claimed it meanwhile')
  if (claim !== 'done') await claim.done()
}

async function giveBack(claim: Answer): Promise<void> {
  if (typeof claim !== 'string') await claim.release()
}
