import type { ServiceBus } from '@alarm-bus/service'
import type { LogStore } from './store/log-store.ts'

/** The bus and the store as one: both have to be well, either may fail, and the store closes after the last handler. */
export function busWithStore(bus: ServiceBus, store: LogStore): ServiceBus {
  return {
    start: bus.start,
    failed: Promise.race([bus.failed, store.failed]),
    health() {
      const checks = [...bus.health().checks, store.check()]
      return { ready: checks.every(({ ok }) => ok), checks }
    },
    async stop(timeoutMs) {
      const report = await bus.stop(timeoutMs)
      await store.close()
      return report
    },
  }
}
