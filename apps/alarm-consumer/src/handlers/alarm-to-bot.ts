import { alarmToBot } from '@alarm-bus/contracts'
import { defineHandler, type MessageHandler } from '@alarm-bus/nats-kit'
import type { AlarmSink } from '../sinks/alarm-sink.ts'

/** Hands each alarm for the bot to the sink. */
export function alarmToBotHandler(sink: AlarmSink): MessageHandler {
  return defineHandler(alarmToBot, ({ message }, context) => {
    const { channel, id, stream, seq, deliveryCount } = context
    return sink.send({ channel, message, id, stream, seq, deliveryCount }, context)
  })
}
