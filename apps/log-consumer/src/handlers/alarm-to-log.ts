import { alarmToLog } from '@alarm-bus/contracts'
import { defineHandler, type MessageHandler } from '@alarm-bus/nats-kit'
import { REQUEST_ID_HEADER } from '@alarm-bus/service'
import type { AlarmStore } from '../store/alarm-store.ts'

/** Writes down an alarm that is only for the log. */
export function alarmToLogHandler(store: AlarmStore): MessageHandler {
  return defineHandler(alarmToLog, ({ message, extra }, context) => {
    const { channel, id, stream, seq, storedAt, deliveryCount } = context
    const requestId = context.header(REQUEST_ID_HEADER)
    return store.save(
      { channel, message, ...(extra !== undefined && { extra }), id, requestId, stream, seq, storedAt, deliveryCount },
      context,
    )
  })
}
