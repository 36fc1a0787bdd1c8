import type { Msg, Subscription } from '@nats-io/transport-node'
import type { Connection } from '../connection/connection.ts'
import { guarded } from '../connection/guarded.ts'
import type { ConnectionState } from '../events.ts'
import { isAckSubject } from '../handling/ack-subject.ts'
import { replyBytesOf } from '../codec/received.ts'
import { HEARTBEAT_GRACE_MS, LastSequences, reportSilence } from './heartbeat.ts'
import type { DeliverySource, SourceContext, SourceEnd } from './source.ts'

export interface PushSourceContext extends SourceContext {
  /** Where the consumer delivers, and the queue group that shares it, if any. */
  readonly deliverSubject: string
  readonly deliverGroup: string | undefined
}

/**
 * Listens where a push consumer delivers. The bound is kept by the broker: it sends no more than the consumer's
 * `max_ack_pending` before it has settlements. A consumer with a queue group has no heartbeats on this server, so its
 * absence is noticed by whoever looks it up.
 */
export class PushSource implements DeliverySource {
  readonly #connection: Connection
  readonly #context: PushSourceContext
  readonly #sequences = new LastSequences()
  #subscription: Subscription | undefined
  #heardAt = 0
  #watch: NodeJS.Timeout | undefined
  #ended = false
  #resolve: (end: SourceEnd) => void = () => undefined

  constructor(connection: Connection, context: PushSourceContext) {
    this.#connection = connection
    this.#context = context
  }

  run(): Promise<SourceEnd> {
    return new Promise((resolve) => {
      this.#resolve = resolve
      const take = guarded(this.#connection, { consumer: this.#context.consumer }, (message) =>
        this.#onMessage(message),
      )
      const { deliverSubject, deliverGroup } = this.#context
      this.#heardAt = performance.now()
      this.#subscription = this.#connection.client.subscribe(deliverSubject, {
        ...(deliverGroup === undefined ? {} : { queue: deliverGroup }),
        callback: (error, message) => {
          if (error) this.end({ kind: 'refused', detail: error.message })
          else take(message)
        },
      })
      this.#connection.events.on('connectionStateChanged', this.#onState)
      if (deliverGroup === undefined) this.#watch = setInterval(this.#checkHeartbeat, this.#context.idleHeartbeatMs)
    })
  }

  askForMore(): void {
    // The broker keeps count by itself.
  }

  end(reason: SourceEnd): void {
    if (this.#ended) return
    this.#ended = true
    clearInterval(this.#watch)
    this.#connection.events.off('connectionStateChanged', this.#onState)
    if (this.#subscription && !this.#subscription.isClosed() && !this.#subscription.isDraining())
      this.#subscription.unsubscribe()
    this.#resolve(reason)
  }

  async stop(): Promise<void> {
    if (this.#ended || !this.#subscription) return
    if (this.#connection.state === 'connected') await this.#subscription.drain().catch(() => undefined)
    this.end({ kind: 'stopped', detail: 'asked to stop' })
  }

  #onMessage(message: Msg): void {
    if (this.#ended) return
    const now = performance.now()
    this.#heardAt = now
    if (isAckSubject(replyBytesOf(message))) {
      this.#sequences.ofMessage(message)
      this.#context.onMessage(message, now)
    } else if (message.headers?.code === 100) {
      this.#sequences.ofHeartbeat(message)
      // A heartbeat that asks for an answer is flow control.
      if (message.reply) message.respond()
    }
  }

  readonly #checkHeartbeat = (): void => {
    const silentMs = Math.round(performance.now() - this.#heardAt)
    if (this.#connection.state !== 'connected' || silentMs < 2 * this.#context.idleHeartbeatMs + HEARTBEAT_GRACE_MS)
      return
    reportSilence(this.#connection, this.#context, silentMs, this.#sequences)
    this.end({ kind: 'silent', detail: `no heartbeat for ${silentMs} ms` })
  }

  readonly #onState = ({ state }: { readonly state: ConnectionState }): void => {
    if (state === 'closed') this.end({ kind: 'stopped', detail: 'the connection is closed' })
    else if (state === 'disconnected') this.end({ kind: 'moved', detail: 'the connection was lost' })
  }
}
