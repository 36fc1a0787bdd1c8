import { type Msg, nuid, type Subscription } from '@nats-io/transport-node'
import { errorText } from '../errors.ts'
import type { ConnectionState } from '../events.ts'
import type { Connection } from './connection.ts'
import { guarded } from './guarded.ts'

/** First wait before a subscription that was refused is tried again, doubled each time up to the second. */
const FIRST_RETRY_MS = 250
const MAX_RETRY_MS = 2_000
/** A message asks for another try sooner, but not more often: each is a line in the log. */
const RETRY_ON_DEMAND_MS = 1_000

export interface InboxOptions {
  /** The token behind the inbox prefix: `ack`. */
  readonly kind: string
  /** What follows the inbox's own token: `*`. */
  readonly tokens: string
  readonly onMessage: (message: Msg) => void
  /** The broker takes the subscription again; what was answered meanwhile is lost. */
  readonly onRestored?: () => void
}

/**
 * Subjects of one's own to which the broker answers. Subscribed when they are first needed; a subscription that the
 * broker refuses or ends (a reload of its permissions) is made again with back-off, at the next message and after a
 * reconnect, until it is accepted.
 */
export class Inbox {
  /** Subjects of answers begin with it; it ends with a dot. */
  readonly prefix: string
  readonly #connection: Connection
  readonly #options: InboxOptions
  #subscription: Subscription | undefined
  #refusal: string | undefined
  #retry: NodeJS.Timeout | undefined
  #retryMs = FIRST_RETRY_MS
  #triedAt = 0
  #closed = false

  constructor(connection: Connection, options: InboxOptions) {
    this.#connection = connection
    this.#options = options
    this.prefix = `${connection.inboxPrefix}.${options.kind}.${nuid.next()}.`
    connection.events.on('connectionStateChanged', this.#onState)
  }

  /** Why no answer can come, undefined where one can. */
  get refusal(): string | undefined {
    return this.#refusal
  }

  /** Subscribes where that is needed. @returns whether what is sent now can be answered, as far as one knows. */
  open(): boolean {
    if (this.#subscription !== undefined) return true
    if (this.#refusal !== undefined && performance.now() - this.#triedAt < RETRY_ON_DEMAND_MS) return false
    this.#subscribe()
    return this.#subscription !== undefined
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#retry)
    this.#connection.events.off('connectionStateChanged', this.#onState)
    if (this.#subscription && !this.#subscription.isClosed()) this.#subscription.unsubscribe()
  }

  #subscribe(): void {
    clearTimeout(this.#retry)
    if (this.#closed || this.#connection.state !== 'connected') return
    this.#triedAt = performance.now()
    const take = guarded(this.#connection, { inbox: this.prefix }, this.#options.onMessage)
    const subscription = this.#connection.client.subscribe(this.prefix + this.#options.tokens, {
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
    this.#connection.logger.info({ event: 'inboxRestored', inbox: this.prefix }, 'NATS takes the inbox again')
    this.#options.onRestored?.()
  }

  #onEnded(subscription: Subscription, error: unknown): void {
    if (this.#subscription !== subscription || this.#closed) return
    this.#subscription = undefined
    const isNew = this.#refusal === undefined
    this.#refusal = `the broker refuses the inbox that acks come to: ${errorText(error)}`
    if (isNew) {
      this.#connection.logger.error(
        { event: 'inboxRefused', inbox: this.prefix, error: errorText(error) },
        'NATS refuses the inbox, so no ack can come; it is subscribed again until it is taken',
      )
    }
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
