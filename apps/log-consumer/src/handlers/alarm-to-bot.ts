import { alarmToBot } from '@alarm-bus/contracts'
import { defineHandler, type MessageHandler } from '@alarm-bus/nats-kit'
import { REQUEST_ID_HEADER } from '@alarm-bus/service'
import type { AlarmStore } from '../store/alarm-store.ts'

/** Writes down what the bot is told too. */
export function alarmToBotHandler(store: AlarmStore): MessageHandler {
  return defineHandler(alarmToBot, ({ message }, context) => {
    const { channel, id, stream, seq, storedAt, deliveryCount } = context
    const requestId = context.header(REQUEST_ID_HEADER)
    return store.save({ channel, message, id, requestId, stream, seq, storedAt, deliveryCount }, context)
  })
}
