import type { Msg, Subscription } from '@nats-io/transport-node'
import { errorText } from '../errors.ts'
import type { ConnectionState } from '../events.ts'
import type { Connection } from './connection.ts'
import { guarded } from './guarded.ts'

/** First wait before a subscription that was refused is tried again, doubled each time up to the second. */
const FIRST_RETRY_MS = 250
const MAX_RETRY_MS = 2_000
/** A message asks for another try sooner, but not more often: each is a line in the log. */
const RETRY_ON_DEMAND_MS = 1_000

export interface KeptSubscriptionOptions {
  readonly subject: string
  /** Given: the instances of the group share the messages. */
  readonly queue?: string
  /** What it is, for the log and the check: `the inbox that acks come to`. */
  readonly what: string
  readonly onMessage: (message: Msg) => void
  /** The broker takes the subscription again; what was sent to it meanwhile is lost. */
  readonly onRestored?: () => void
  /** The broker refuses it, and why. */
  readonly onRefused?: (why: string) => void
}

/**
 * A subscription that lasts. One that the broker refuses or ends (a reload of its permissions) is made again with
 * back-off, at the next call of `open` and after a reconnect, until it is accepted.
 */
export class KeptSubscription {
  readonly #connection: Connection
  readonly #options: KeptSubscriptionOptions
  #subscription: Subscription | undefined
  #refusal: string | undefined
  #retry: NodeJS.Timeout | undefined
  #retryMs = FIRST_RETRY_MS
  #triedAt = 0
  #closed = false

  constructor(connection: Connection, options: KeptSubscriptionOptions) {
    this.#connection = connection
    this.#options = options
    connection.events.on('connectionStateChanged', this.#onState)
  }

  /** Why nothing can come, undefined where something can. */
  get refusal(): string | undefined {
    return this.#refusal
  }

  /** Subscribes where that is needed. @returns whether what is sent to it now comes, as far as one knows. */
  open(): boolean {
    if (this.#subscription !== undefined) return true
    if (this.#refusal !== undefined && performance.now() - this.#triedAt < RETRY_ON_DEMAND_MS) return false
    this.#subscribe()
    return this.#subscription !== undefined
  }

  close(): void {
    this.#end()
    // A closed client has none any more, and throws when it is told to end one.
    if (!this.#subscription || this.#subscription.isClosed() || this.#connection.client.isClosed()) return
    this.#subscription.unsubscribe()
  }

  /** Takes nothing new, and resolves when what the broker had sent already has been handed on. Never rejects. */
  async drain(): Promise<void> {
    this.#end()
    const subscription = this.#subscription
    // While the connection is down nothing comes either.
    if (subscription && !subscription.isClosed()) await subscription.drain().catch(() => subscription.unsubscribe())
  }

  #end(): void {
    this.#closed = true
    clearTimeout(this.#retry)
    this.#connection.events.off('connectionStateChanged', this.#onState)
  }

  #subscribe(): void {
    clearTimeout(this.#retry)
    if (this.#closed || this.#connection.state !== 'connected') return
    this.#triedAt = performance.now()
    const { subject, queue, onMessage } = this.#options
    const take = guarded(this.#connection, { subject }, onMessage)
    const subscription = this.#connection.client.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error, message) => {
        if (error) this.#onEnded(subscription, error)
        else take(message)
      },
    })
    this.#subscription = subscription
    if (this.#refusal !== undefined) void this.#confirm(subscription)
  }

  /** The broker answers in order: a refusal would come before the answer to the flush. */
  async #confirm(subscription: Subscription): Promise<void> {
    try {
      await this.#connection.client.flush()
    } catch {
      // The connection was lost, and the next one confirms.
      return
    }
    if (this.#subscription !== subscription || this.#refusal === undefined || this.#closed) return
    this.#refusal = undefined
    this.#retryMs = FIRST_RETRY_MS
    this.#connection.logger.info(
      { event: 'subscriptionRestored', subject: this.#options.subject },
      `NATS takes ${this.#options.what} again`,
    )
    this.#options.onRestored?.()
  }

  #onEnded(subscription: Subscription, error: unknown): void {
    if (this.#subscription !== subscription || this.#closed) return
    this.#subscription = undefined
    const isNew = this.#refusal === undefined
    const { subject, what, onRefused } = this.#options
    this.#refusal = `the broker refuses ${what}: ${errorText(error)}`
    if (isNew) {
      this.#connection.logger.error(
        { event: 'subscriptionRefused', subject, error: errorText(error) },
        `NATS refuses ${what}, so nothing can come; it is subscribed again until it is taken`,
      )
    }
    onRefused?.(this.#refusal)
    this.#retry = setTimeout(() => this.#subscribe(), this.#retryMs)
    this.#retry.unref()
    this.#retryMs = Math.min(MAX_RETRY_MS, 2 * this.#retryMs)
  }

  readonly #onState = ({ state }: { readonly state: ConnectionState }): void => {
    if (state !== 'connected' || this.#refusal === undefined) return
    // The client itself brings back what it still had.
    if (this.#subscription) void this.#confirm(this.#subscription)
    else this.#subscribe()
  }
}
