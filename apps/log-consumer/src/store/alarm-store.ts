import type { MessageContext } from '@alarm-bus/nats-kit'

/** An alarm of either channel, as it is written down. */
export interface AlarmRecord {
  readonly channel: string
  readonly message: string
  /** What came with it for the reader of the log; only `alarm-to-log` has it. */
  readonly extra?: string
  /** The publisher's message id, undefined where it gave none. */
  readonly id: string | undefined
  /** Of the HTTP request that published it, undefined where none did. */
  readonly requestId: string | undefined
  readonly stream: string
  readonly seq: number
  /** When the broker stored it. With `stream` and `seq`, the alarm's identity across all deliveries. */
  readonly storedAt: Date
  /** 1 for the first delivery. */
  readonly deliveryCount: number
}

/**
 * Where alarms are written down.
 *
 * - Resolves: the record is kept and the alarm is never redelivered.
 * - Rejects: it is redelivered after a growing delay, and becomes a dead letter after the last delivery.
 * - The same alarm may come twice, and is kept once: `stream`, `seq` and `storedAt` tell.
 */
export interface AlarmStore {
  save(record: AlarmRecord, context: Pick<MessageContext, 'signal'>): Promise<void>
}
