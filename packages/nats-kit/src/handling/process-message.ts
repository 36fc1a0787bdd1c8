import { InvalidMessage, type MessageIssue } from '@alarm-bus/contracts'
import type { Msg } from '@nats-io/transport-node'
import { HeaderName } from '../codec/headers.ts'
import type { Connection } from '../connection/connection.ts'
import { errorText } from '../errors.ts'
import type { StoredSender } from '../publish/stored-sender.ts'
import { type Burial, burialOf } from './burial-of.ts'
import { DeadLetterReason, storeDeadLetter } from '../dead-letters/dead-letter.ts'
import { Delivery, type DeliveryScope } from './delivery.ts'
import type { ConsumerSpec } from '../consumers/consumer-spec.ts'
import type { SubscriberSettings } from '../consumers/options.ts'
import { delayOf } from './retry-policy.ts'
import { type Place, RunningDeliveries } from './running-deliveries.ts'
import { ACK, IN_PROGRESS, Settlements } from './settlements.ts'
import { RetryLater } from './verdicts.ts'

/** Between two attempts to store a dead letter that the broker does not take. */
const DEAD_LETTER_RETRY_MS = 1_000

/** What shutdown gave up on. */
export interface AbandonedMessage {
  readonly stream: string
  readonly seq: number
  readonly channel: string
  readonly deliveryCount: number
}

/**
 * Takes a consumer's deliveries through check, handler and settling. The only place where a
 * message ends: acknowledged, sent back with a delay, or stored as a dead letter and then terminated.
 */
export class MessageProcessor {
  readonly #connection: Connection
  readonly #spec: ConsumerSpec
  readonly #settings: SubscriberSettings
  readonly #deadLetters: StoredSender
  readonly #onDone: () => void
  readonly #scope: DeliveryScope
  readonly #running: RunningDeliveries
  readonly #settlements: Settlements
  #idle: (() => void)[] = []
  #stopping = false
  #settled = 0
  #last: Delivery | undefined
  /** Deliveries that came while the consumer was paused, in order; part of the running ones. */
  #held: Place[] | undefined
  #releasedAt = 0
  /** Why dead letters cannot be stored at the moment. */
  #trouble: string | undefined
  readonly #keeper: NodeJS.Timeout

  constructor(
    connection: Connection,
    spec: ConsumerSpec,
    settings: SubscriberSettings,
    deadLetters: StoredSender,
    onDone: () => void,
  ) {
    this.#connection = connection
    this.#spec = spec
    this.#settings = settings
    this.#deadLetters = deadLetters
    this.#onDone = onDone
    this.#scope = { channel: spec.channel, logger: connection.logger }
    this.#running = new RunningDeliveries(
      (place) => this.#finish(place, ACK),
      (place, error) => this.#failed(place, error),
    )
    this.#keeper = setInterval(this.#keepAlive, settings.ackWaitMs / 3)
    this.#keeper.unref()
    this.#settlements = new Settlements(connection)
  }

  /** Messages that are with a handler or on their way to the dead letters. */
  get running(): number {
    return this.#running.size
  }

  /** Deliveries that were acknowledged, sent back or terminated. */
  get settled(): number {
    return this.#settled
  }

  /** When the broker stored the message that came last; its metadata is read only when somebody asks. */
  get lastStoredMs(): number | undefined {
    return this.#last?.storedAt.getTime()
  }

  get trouble(): string | undefined {
    return this.#trouble
  }

  /**
   * Takes one delivery, received at `now` of `performance.now()`. Never throws: what calls it is the client's reader,
   * which an exception would end.
   */
  process(message: Msg, now: number): void {
    const delivery = new Delivery(message, this.#scope)
    const place = this.#running.add(delivery, now)
    this.#last = delivery
    if (this.#held) this.#held.push(place)
    else this.#handle(place, delivery)
  }

  /** From now on deliveries wait before their handler, kept alive; for handlers that run, `maxHandlerMs` stands still. */
  hold(): void {
    this.#held ??= []
  }

  /** What was held is handled, and what comes from now on. */
  release(): void {
    const held = this.#held
    if (!held) return
    this.#held = undefined
    this.#releasedAt = performance.now()
    for (const place of held) if (place.delivery) this.#handle(place, place.delivery)
  }

  #handle(place: Place, delivery: Delivery): void {
    let result: unknown
    try {
      const decoded = this.#spec.decode(delivery.message.data)
      if (decoded instanceof InvalidMessage) return this.#invalid(place, decoded.issues)
      result = this.#spec.handle(decoded as never, delivery)
    } catch (error) {
      return this.#failed(place, error)
    }
    if (result === undefined) return this.#finish(place, ACK)
    // A native promise is taken as it is; what only looks like one might call back twice, so it is wrapped.
    Promise.resolve(result).then(place.onDone, place.onFailed)
  }

  /**
   * Waits for what is running. Past `timeoutMs` it tells the handlers to stop and returns what it leaves behind; the
   * broker delivers that again.
   */
  async stop(timeoutMs: number): Promise<readonly AbandonedMessage[]> {
    this.#stopping = true
    for (const place of this.#held?.splice(0) ?? []) this.#giveBack(place)
    if (this.#running.size > 0) {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMs)))
      await Promise.race([new Promise<void>((resolve) => this.#idle.push(resolve)), late])
      clearTimeout(timer)
    }
    clearInterval(this.#keeper)
    this.#settlements.close()
    const abandoned: AbandonedMessage[] = []
    this.#running.forEach((delivery) => {
      delivery.abort(new Error('shutdown ran out of time'))
      const { stream, seq, channel, deliveryCount } = delivery
      abandoned.push({ stream, seq, channel, deliveryCount })
    })
    return abandoned
  }

  #invalid(place: Place, issues: readonly MessageIssue[]): void {
    const where = issues.map((issue) => `${issue.path || '/'}: ${issue.message}`).join('; ')
    void this.#bury(place, { reason: DeadLetterReason.InvalidMessage, issues }, where)
  }

  #failed(place: Place, error: unknown): void {
    const { delivery } = place
    if (delivery === undefined) return
    const { channel, consumer, stream, seq, deliveryCount: deliveries } = delivery
    const burial = burialOf(error, deliveries, this.#spec.maxDeliver)
    if (burial) return void this.#bury(place, burial, errorText(error))
    const delayMs = error instanceof RetryLater ? error.delayMs : this.#retryDelayMs(deliveries, error)
    const detail = { channel, consumer, stream, seq, deliveries, delayMs, error: errorText(error) }
    const requestId = delivery.header(HeaderName.RequestId)
    this.#connection.logger.warn(
      { event: 'retryScheduled', ...detail, requestId, maxDeliver: this.#spec.maxDeliver, err: error },
      'handler failed; the message comes again',
    )
    this.#connection.events.emit('retryScheduled', detail)
    this.#finish(place, Buffer.from(`-NAK {"delay":${delayMs * 1_000_000}}`))
  }

  /** At a stop within a pause: another instance, or the next start, handles the message; its last delivery is kept. */
  #giveBack(place: Place): void {
    const deliveries = place.delivery?.deliveryCount ?? 0
    if (deliveries < this.#spec.maxDeliver) return this.#finish(place, Buffer.from('-NAK'))
    const why = 'the app stopped while it was paused, and the broker would not deliver the message again'
    void this.#bury(place, { reason: DeadLetterReason.DeliveriesExhausted, issues: [] }, why)
  }

  /** A retry function is the app's code: what it throws, or returns that is no wait, must not cost the message. */
  #retryDelayMs(deliveries: number, error: unknown): number {
    try {
      return delayOf(this.#spec.retry, deliveries, error)
    } catch (cause) {
      this.#connection.logger.error(
        { event: 'retryPolicyFailed', channel: this.#spec.channel, err: cause },
        'retry function failed; the default is used',
      )
      return delayOf({}, deliveries, error)
    }
  }

  /**
   * Stores the dead letter, and only then ends the message. Until it is stored the message stays with this process,
   * kept alive by in-progress signals, and holds its place in the bound: it would not be delivered again.
   */
  async #bury(place: Place, { reason, issues }: Burial, error: string): Promise<void> {
    const { delivery } = place
    if (delivery === undefined) return
    const { message, channel, subject, stream, seq, storedNanos, consumer, deliveryCount } = delivery
    const letter = {
      reason,
      error,
      issues,
      channel,
      subject,
      stream,
      seq,
      storedNanos,
      consumer,
      deliveryCount,
      original: message,
    }
    for (;;) {
      try {
        await storeDeadLetter(this.#connection, this.#deadLetters, letter)
        this.#trouble = undefined
        return this.#finish(place, Buffer.from(`+TERM ${reason}`))
      } catch (cause) {
        this.#trouble = errorText(cause)
        this.#connection.logger.error(
          { event: 'deadLetterNotStored', stream, seq, consumer, reason, error: this.#trouble },
          'dead letter cannot be stored; the message is held until it can',
        )
        if (this.#stopping) return
        await new Promise((resolve) => setTimeout(resolve, DEAD_LETTER_RETRY_MS))
      }
    }
  }

  #finish(place: Place, verdict: Uint8Array): void {
    const delivery = this.#running.remove(place)
    if (delivery === undefined) return
    this.#settled++
    this.#settlements.send(delivery.reply, verdict)
    if (this.#running.size === 0) for (const resolve of this.#idle.splice(0)) resolve()
    this.#onDone()
  }

  /** A third of the ack wait: two signals may get lost before the broker delivers again. */
  readonly #keepAlive = (): void => {
    const now = performance.now()
    const { ackWaitMs, maxHandlerMs } = this.#settings
    this.#running.forEach((delivery, startedAt) => {
      const age = now - startedAt
      const overdue = !this.#held && now - Math.max(startedAt, this.#releasedAt) > maxHandlerMs
      if (overdue) delivery.abort(new Error(`the handler ran for more than ${maxHandlerMs} ms`))
      else if (age >= ackWaitMs / 6) this.#settlements.send(delivery.reply, IN_PROGRESS)
    })
  }
}
