import type { ServiceLogger } from '../logger.ts'
import type { Service } from './service.ts'

/** Share of the budget that open requests may take; the rest belongs to handlers and the last flush. */
const HTTP_SHARE = 0.5
/** Time for answers to leave once the bus has settled what they waited for. */
const LAST_ANSWERS_MS = 250

/**
 * Readiness off and no new connections; open requests get their answers; then the bus stops. All within `timeoutMs`.
 *
 * @returns whether nothing was left behind.
 */
export async function stopService(parts: Service, timeoutMs: number, logger: ServiceLogger): Promise<boolean> {
  const endsAt = performance.now() + timeoutMs
  const closed = parts.http.close()
  let answered = await within(closed, timeoutMs * HTTP_SHARE)
  const lastAnswersMs = answered ? 0 : LAST_ANSWERS_MS
  const report = await parts.bus.stop(Math.max(0, endsAt - performance.now() - lastAnswersMs))
  if (!answered) {
    // What waited for the broker has been rejected by now, so these requests have an answer too.
    answered = await within(closed, LAST_ANSWERS_MS)
    if (!answered) logger.error({ event: 'requestsAbandoned' }, 'shutdown ran out of time with open requests')
  }
  return answered && report.clean
}

async function within(promise: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(resolve, timeoutMs, false)))
  try {
    return await Promise.race([promise.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}
