import type { MessageContext } from '@alarm-bus/nats-kit'

/** An alarm for the people behind the bot. */
export interface Alarm {
  readonly channel: string
  readonly message: string
  /** The publisher's message id, undefined where it gave none. */
  readonly id: string | undefined
  readonly stream: string
  /** With `stream`, the alarm's identity across all deliveries. */
  readonly seq: number
  /** 1 for the first delivery. */
  readonly deliveryCount: number
}

/**
 * Where alarms go.
 *
 * - Resolves: the alarm has arrived and never comes again.
 * - Rejects: it comes again after a growing delay, and becomes a dead letter after the last delivery.
 * - The same alarm may come twice; `stream` and `seq` tell.
 */
export interface AlarmSink {
  send(alarm: Alarm, context: Pick<MessageContext, 'signal'>): Promise<void>
}
