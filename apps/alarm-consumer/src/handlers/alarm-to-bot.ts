import { alarmToBot } from '@alarm-bus/contracts'
import { defineHandler, type MessageHandler } from '@alarm-bus/nats-kit'
import type { AlarmDelivery } from '../delivery/alarm-delivery.ts'

/** Hands each alarm for the bot to the sinks. */
export function alarmToBotHandler({ deliver }: Pick<AlarmDelivery, 'deliver'>): MessageHandler {
  return defineHandler(alarmToBot, ({ message }, context) => {
    const { channel, id, stream, seq, storedAt, deliveryCount } = context
    return deliver({ channel, message, id, stream, seq, storedAt, deliveryCount }, context)
  })
}
