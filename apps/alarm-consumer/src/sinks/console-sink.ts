import type { ServiceLogger } from '@alarm-bus/service'
import type { AlarmSink } from './alarm-sink.ts'

/** Writes each alarm as one line of structured log. */
export function createConsoleSink(logger: ServiceLogger): AlarmSink {
  return {
    name: 'console',
    alerts: false,
    async send(alarm) {
      logger.info({ event: 'alarmHandled', ...alarm }, 'alarm handled')
    },
    async close() {
      // Nothing is open.
    },
  }
}
