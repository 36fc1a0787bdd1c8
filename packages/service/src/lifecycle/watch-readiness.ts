import type { ServiceLogger } from '../logger.ts'
import type { ServiceBus } from './service.ts'

/** How often readiness is looked at, in milliseconds; looking costs no request to the broker. */
const LOOK_MS = 100

/**
 * Logs one line each time readiness changes: `ready` when it is first reached, then `notReady` with what is not well,
 * and `ready` again.
 *
 * @returns a function that ends the watch.
 */
export function watchReadiness(bus: Pick<ServiceBus, 'health'>, logger: ServiceLogger): () => void {
  let wasReady = false
  const look = (): void => {
    const { ready, checks } = bus.health()
    if (ready === wasReady) return
    wasReady = ready
    if (ready) logger.info({ event: 'ready' }, 'ready')
    else logger.warn({ event: 'notReady', checks: checks.filter((check) => !check.ok) }, 'not ready')
  }
  const timer = setInterval(look, LOOK_MS)
  timer.unref()
  return () => clearInterval(timer)
}
