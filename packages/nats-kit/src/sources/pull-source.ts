import { type Msg, nuid, type Subscription } from '@nats-io/transport-node'
import type { Connection } from '../connection/connection.ts'
import { guarded } from '../connection/guarded.ts'
import type { ConnectionState } from '../events.ts'
import { nextSubject } from './next-subject.ts'
import { isAckSubject } from '../handling/ack-subject.ts'
import { replyBytesOf } from '../codec/received.ts'
import { HEARTBEAT_GRACE_MS, LastSequences, reportSilence } from './heartbeat.ts'
import type { DeliverySource, SourceContext, SourceEnd } from './source.ts'

/** One request to the broker lives this long; a new one follows. Long, since heartbeats tell whether it still lives. */
const EXPIRES_MS = 300_000
const NANOS_PER_MS = 1_000_000
/** Between two tries when the broker says that it has too many requests waiting. */
const REFUSED_PAUSE_MS = 1_000

/**
 * Pulls with exact credit: what is asked for, plus what is running, never exceeds the bound. A request goes out when
 * half the bound is free, so a busy consumer asks rarely and an idle one holds a single request open.
 *
 * The protocol: a request to `$JS.API.CONSUMER.MSG.NEXT.<stream>.<consumer>` with a batch; messages arrive on the
 * request's inbox, and so do statuses, which say by `Nats-Pending-Messages` how much of a request will not come.
 */
export class PullSource implements DeliverySource {
  readonly #connection: Connection
  readonly #context: SourceContext
  readonly #nextSubject: string
  readonly #inbox: string
  #subscription: Subscription | undefined
  #requests = 0
  /** Messages that were asked for and have not come. */
  #asked = 0
  #heardAt = 0
  readonly #sequences = new LastSequences()
  #watch: NodeJS.Timeout | undefined
  #pauseUntil = 0
  #ended = false
  #resolve: (end: SourceEnd) => void = () => undefined

  constructor(connection: Connection, context: SourceContext) {
    this.#connection = connection
    this.#context = context
    this.#nextSubject = nextSubject(context.stream, context.consumer)
    this.#inbox = `${connection.inboxPrefix}.pull.${nuid.next()}.`
  }

  run(): Promise<SourceEnd> {
    return new Promise((resolve) => {
      this.#resolve = resolve
      const take = guarded(this.#connection, { consumer: this.#context.consumer }, (message) =>
        this.#onMessage(message),
      )
      this.#subscription = this.#connection.client.subscribe(`${this.#inbox}*`, {
        callback: (error, message) => {
          if (error) this.end({ kind: 'refused', detail: error.message })
          else take(message)
        },
      })
      this.#connection.events.on('connectionStateChanged', this.#onState)
      this.#watch = setInterval(this.#checkHeartbeat, this.#context.idleHeartbeatMs)
      this.askForMore()
    })
  }

  askForMore(): void {
    if (this.#ended || this.#context.isHeld()) return
    const { concurrency } = this.#context
    const room = concurrency - this.#asked - this.#context.running()
    if (room < 1 || (this.#asked > 0 && room < concurrency / 2) || Date.now() < this.#pauseUntil) return
    if (this.#asked === 0) this.#heardAt = performance.now()
    this.#asked += room
    const text = `{"batch":${room},"expires":${EXPIRES_MS * NANOS_PER_MS},"idle_heartbeat":${this.#context.idleHeartbeatMs * NANOS_PER_MS}}`
    try {
      // With the acks that made the room, in one piece.
      const request = { text, byteLength: text.length }
      this.#connection.frames.publish(this.#nextSubject, this.#inbox + this.#requests++, undefined, request)
    } catch (error) {
      this.end({ kind: 'refused', detail: (error as Error).message })
    }
  }

  end(reason: SourceEnd): void {
    if (this.#ended) return
    this.#ended = true
    clearInterval(this.#watch)
    this.#connection.events.off('connectionStateChanged', this.#onState)
    // Without the inbox the broker drops what was asked for and not sent.
    if (this.#subscription && !this.#subscription.isClosed() && !this.#subscription.isDraining())
      this.#subscription.unsubscribe()
    this.#resolve(reason)
  }

  async stop(): Promise<void> {
    const subscription = this.#subscription
    if (this.#ended || !subscription) return
    // Drains: the broker stops sending, and what it had sent still reaches the handlers.
    this.#asked = Number.POSITIVE_INFINITY
    if (this.#connection.state === 'connected') await subscription.drain().catch(() => undefined)
    this.end({ kind: 'stopped', detail: 'asked to stop' })
  }

  #onMessage(message: Msg): void {
    if (this.#ended) return
    const now = performance.now()
    this.#heardAt = now
    if (!isAckSubject(replyBytesOf(message))) return this.#onStatus(message)
    this.#asked--
    this.#sequences.ofMessage(message)
    this.#context.onMessage(message, now)
    this.askForMore()
  }

  #onStatus(message: Msg): void {
    const code = message.headers?.code ?? 0
    const description = message.headers?.description ?? ''
    const detail = `${code} ${description}`.trim()
    if (code === 100) return this.#sequences.ofHeartbeat(message)
    this.#asked = Math.max(0, this.#asked - Number(message.headers?.get('Nats-Pending-Messages') || 0))
    if (code === 404 || code === 408) return this.askForMore()
    if (code === 503) return this.end({ kind: 'gone', detail: 'no consumer answers' })
    if (/consumer deleted|stream deleted|consumer is push/i.test(description)) return this.end({ kind: 'gone', detail })
    if (/leadership change|server shutdown/i.test(description)) return this.end({ kind: 'moved', detail })
    if (/batch completed/i.test(description)) return this.askForMore()
    if (/exceeded maxwaiting/i.test(description)) {
      this.#connection.logger.warn(
        { event: 'pullRefused', consumer: this.#context.consumer, detail },
        'too many pull requests wait; pausing',
      )
      this.#pauseUntil = Date.now() + REFUSED_PAUSE_MS
      setTimeout(() => this.askForMore(), REFUSED_PAUSE_MS + 10).unref()
      return
    }
    this.end({ kind: 'refused', detail })
  }

  readonly #checkHeartbeat = (): void => {
    const silentMs = Math.round(performance.now() - this.#heardAt)
    if (
      this.#asked === 0 ||
      this.#connection.state !== 'connected' ||
      silentMs < 2 * this.#context.idleHeartbeatMs + HEARTBEAT_GRACE_MS
    )
      return
    reportSilence(this.#connection, this.#context, silentMs, this.#sequences)
    this.end({ kind: 'silent', detail: `no heartbeat for ${silentMs} ms` })
  }

  readonly #onState = ({ state }: { readonly state: ConnectionState }): void => {
    if (state === 'closed') this.end({ kind: 'stopped', detail: 'the connection is closed' })
    // Ended at the loss, so that the old inbox is not subscribed again: requests of before must not add to new ones.
    else if (state === 'disconnected') this.end({ kind: 'moved', detail: 'the connection was lost' })
  }
}
