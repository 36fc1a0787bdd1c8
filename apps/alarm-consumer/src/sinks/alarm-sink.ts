/** An alarm for people. */
export interface Alarm {
  readonly channel: string
  readonly message: string
  /** The publisher's message id, undefined where it gave none. */
  readonly id: string | undefined
  readonly stream: string
  /** With `stream` and `storedAt`, the alarm's identity across all deliveries. */
  readonly seq: number
  /** When the broker stored it. */
  readonly storedAt: Date
  /** 1 for the first delivery. */
  readonly deliveryCount: number
}

/**
 * Where alarms go.
 *
 * - Resolves: the alarm has arrived; it is not sent here again.
 * - Rejects with `SinkFailed`: it did not arrive, and a later attempt may help.
 * - Rejects with the kit's `DeadLetter`: it was refused, and no later attempt can help.
 * - The same alarm may come twice all the same; `stream`, `seq` and `storedAt` tell.
 */
export interface AlarmSink {
  readonly name: string
  /** Whether it alerts a person. Where not, a line that comes twice after a restart is not worth a record on the broker. */
  readonly alerts: boolean
  send(alarm: Alarm, signal: AbortSignal): Promise<void>
  /** Lets go of its connections; what is under way fails. */
  close(): Promise<void>
}
