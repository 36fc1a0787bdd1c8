import type { ServiceLogger } from '@alarm-bus/service'
import type { AlarmStore } from './alarm-store.ts'

/** Writes each record as one line of structured log. */
export function createLogLineStore(logger: ServiceLogger): AlarmStore {
  return {
    async save(record) {
      logger.info({ event: 'logStored', ...record }, 'log stored')
    },
  }
}
