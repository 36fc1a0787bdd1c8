import type { ServiceLogger } from '@alarm-bus/service'
import type { AlarmSink } from './alarm-sink.ts'

/** Writes each alarm as one line of structured log. */
export function createLogSink(logger: ServiceLogger): AlarmSink {
  return {
    async send(alarm) {
      logger.info({ event: 'alarmHandled', ...alarm }, 'alarm handled')
    },
  }
}
