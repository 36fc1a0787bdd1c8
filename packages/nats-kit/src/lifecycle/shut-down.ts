import type { Connection } from '../connection/connection.ts'
import type { Subscriber } from '../consumers/subscriber.ts'
import { errorText } from '../errors.ts'
import type { AbandonedMessage } from '../handling/message-processor.ts'
import type { Logger } from '../logger.ts'
import type { Listeners } from '../core/listeners.ts'
import type { Requester } from '../requests/requester.ts'
import type { Responders } from '../requests/responders.ts'
import type { EventLoopWatch } from '../watchdog/event-loop-watch.ts'
import type { StreamKeeper } from './stream-keeper.ts'

/** What shutdown did. `clean` when nothing was left behind and everything written had reached the broker. */
export interface ShutdownReport {
  readonly clean: boolean
  readonly abandoned: readonly AbandonedMessage[]
}

interface Parts {
  readonly connection: Connection
  readonly keeper: StreamKeeper
  readonly publisher: { close(): Promise<void> } | undefined
  readonly corePublisher: { close(): Promise<void> } | undefined
  readonly subscriber: Subscriber | undefined
  readonly requester: Requester | undefined
  readonly responders: Responders | undefined
  readonly listeners: Listeners | undefined
  readonly eventLoop: EventLoopWatch | undefined
}

/** A little of the budget is kept for the last flush, whatever the handlers do. */
const FLUSH_SHARE = 0.2

/** In order and within the budget; a part that fails on the way keeps no other one from being closed. */
export async function shutDown(parts: Parts, timeoutMs: number, logger: Logger): Promise<ShutdownReport> {
  const endsAt = performance.now() + timeoutMs
  const left = (): number => Math.max(0, endsAt - performance.now())
  let failed = false
  const attempt = async <T>(what: string, step: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await step()
    } catch (error) {
      failed = true
      logger.error({ event: 'stopFailed', what, error: errorText(error) }, `shutdown of the ${what} failed`)
      return undefined
    }
  }
  parts.eventLoop?.stop()
  await attempt('streams', () => within(parts.keeper.stop(), left() * FLUSH_SHARE))
  const handlersMs = left() * (1 - FLUSH_SHARE)
  const [ofSubscriber, unanswered = 0, unheard = 0] = await Promise.all([
    attempt('subscriber', async () => parts.subscriber?.stop(handlersMs)),
    attempt('responders', async () => parts.responders?.stop(handlersMs)),
    attempt('listeners', async () => parts.listeners?.stop(handlersMs)),
  ])
  const abandoned = ofSubscriber ?? []
  if (unanswered > 0)
    logger.error(
      { event: 'requestsAbandoned', requests: unanswered },
      'shutdown ran out of time with requests unanswered',
    )
  if (unheard > 0)
    logger.error(
      { event: 'heardMessagesAbandoned', messages: unheard },
      'shutdown ran out of time with messages at most once that are not handled',
    )
  await attempt('requester', async () => parts.requester?.close())
  const published = await attempt('publishers', () =>
    within(Promise.all([parts.publisher?.close(), parts.corePublisher?.close()]), left() * (1 - FLUSH_SHARE)),
  )
  if (published === false)
    logger.error({ event: 'publishesAbandoned' }, 'shutdown ran out of time with publishes that have no ack')
  const flushed = (await attempt('connection', () => parts.connection.close(left()))) ?? false
  if (!flushed)
    logger.error(
      { event: 'notFlushed' },
      'shutdown could not flush the connection; the last acks may not have reached the broker',
    )
  const clean = abandoned.length === 0 && unanswered === 0 && unheard === 0 && published === true && flushed && !failed
  logger[clean ? 'info' : 'error']({ event: 'busStopped', clean, abandoned: abandoned.length }, 'bus stopped')
  return { clean, abandoned }
}

async function within(promise: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), timeoutMs)))
  try {
    return await Promise.race([promise.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}
