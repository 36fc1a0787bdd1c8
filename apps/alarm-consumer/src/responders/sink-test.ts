import { sinkTest } from '@alarm-bus/contracts'
import { defineResponder, errorText, type Responder } from '@alarm-bus/nats-kit'
import { ALERT_CHANNEL } from '../bus-alerts/send-alert.ts'
import type { AlarmSink } from '../sinks/alarm-sink.ts'

const MESSAGE = 'This is a test alarm. Nothing is wrong.'
const MAX_ERROR_CHARACTERS = 500

export interface SinkTestResponderOptions {
  readonly sinks: readonly AlarmSink[]
  /** So that two instances that are given one request do not both call the sink. */
  readonly once: Exclude<Responder['once'], undefined>
}

/**
 * Sends a test alarm through one sink and answers what became of it. It is sent past the sink's circuit: whoever tests a
 * sink wants to know how it is now. What a sink refuses is an answer, and is not tried again.
 */
export function sinkTestResponder({ sinks, once }: SinkTestResponderOptions): Responder {
  return defineResponder(
    sinkTest,
    async ({ sink: name, message = MESSAGE }, context) => {
      const { stored, signal } = context
      const sink = sinks.find((one) => one.name === name)
      if (!sink) throw context.error('unknown_sink', { known: sinks.map((one) => one.name) })
      if (!stored) throw new Error('a test of a sink is a stored request')
      const { id, seq, storedAt, deliveryCount } = stored
      const alarm = { channel: ALERT_CHANNEL, stream: ALERT_CHANNEL, message, id, seq, storedAt, deliveryCount }
      const startedAt = performance.now()
      try {
        await sink.send(alarm, signal)
      } catch (error) {
        // The app stops: the next process does it.
        if (signal.aborted) throw error
        throw context.error('sink_failed', { error: errorText(error).slice(0, MAX_ERROR_CHARACTERS) })
      }
      return { sink: name, sentAtMs: Date.now(), tookMs: Math.round(performance.now() - startedAt) }
    },
    { once },
  )
}
