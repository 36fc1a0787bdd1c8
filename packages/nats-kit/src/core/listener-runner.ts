import { InvalidMessage } from '@alarm-bus/contracts'
import { SpanKind, type Tracer } from '@opentelemetry/api'
import type { Msg } from '@nats-io/transport-node'
import { positive, wholeMs } from '../checked-options.ts'
import type { Connection } from '../connection/connection.ts'
import { KeptSubscription } from '../connection/kept-subscription.ts'
import { errorText } from '../errors.ts'
import type { HealthCheck } from '../health.ts'
import { findTracer } from '../tracing/find-tracer.ts'
import { inSpan, remoteParent, startSpan } from '../tracing/spans.ts'
import { readTraceHeaders } from '../tracing/trace-headers.ts'
import { HeardMessage } from './heard-message.ts'
import type { Listener } from './listener.ts'
import { listenerSubject } from './listener-subjects.ts'

/** How long past its time a handler keeps its place. */
const GRACE_MS = 10_000
const SWEEP_MS = 1_000
/** A line of each kind at most once in this time; the next one counts those between. */
const SAID_MS = 10_000

type Trouble = 'dropped' | 'invalid' | 'failed' | 'hung'

const SAYINGS: Readonly<Record<Trouble, { readonly event: string; readonly text: string }>> = {
  dropped: { event: 'heardMessagesDropped', text: 'messages come faster than they are handled; some were dropped' },
  invalid: { event: 'heardMessageInvalid', text: 'a message does not fit its channel; it was dropped' },
  failed: { event: 'listenerFailed', text: 'a listener failed; its message is over' },
  hung: { event: 'listenerHung', text: 'a listener runs on past its time; its place was given to another message' },
}

/** Subscribes to what is published at most once on one channel, and hands it on, a bounded number at once. */
export class ListenerRunner {
  readonly #connection: Connection
  readonly #listener: Listener
  readonly #limits: Readonly<Record<'concurrency' | 'maxWaiting' | 'maxWaitingBytes' | 'maxHandlerMs', number>>
  readonly #subscription: KeptSubscription
  readonly #running = new Set<HeardMessage>()
  readonly #waiting: HeardMessage[] = []
  #waitingBytes = 0
  readonly #counts: Record<Trouble, number> = { dropped: 0, invalid: 0, failed: 0, hung: 0 }
  readonly #said = new Map<Trouble, { at: number; count: number }>()
  #sweeper: NodeJS.Timeout | undefined
  readonly #tracer: Tracer | undefined = findTracer()
  #idle: (() => void) | undefined

  /** @throws KitError `invalid_options`; nothing is subscribed before `start`. */
  constructor(connection: Connection, listener: Listener) {
    const { channel, delivery = 'queue-group' } = listener
    this.#connection = connection
    this.#listener = listener
    this.#limits = {
      concurrency: positive('concurrency', listener.concurrency ?? 16),
      maxWaiting: positive('maxWaiting', listener.maxWaiting ?? 1_000),
      maxWaitingBytes: positive('maxWaitingBytes', listener.maxWaitingBytes ?? 8 * 1024 * 1024),
      maxHandlerMs: wholeMs('maxHandlerMs', listener.maxHandlerMs ?? 30_000),
    }
    const subject = listenerSubject(channel)
    this.#subscription = new KeptSubscription(connection, {
      subject,
      ...(delivery === 'queue-group' && { queue: connection.name }),
      what: `the subscription to ${subject}`,
      onMessage: (message) => this.#take(message),
    })
  }

  start(): void {
    this.#subscription.open()
    this.#sweeper = setInterval(this.#sweep, SWEEP_MS).unref()
  }

  check(): HealthCheck {
    const name = `listener:${this.#listener.channel.name}`
    const { refusal } = this.#subscription
    if (refusal !== undefined) return { name, ok: false, detail: refusal }
    const { dropped, invalid, failed, hung } = this.#counts
    const ended = `${dropped} dropped, ${invalid} invalid, ${failed} failed, ${hung} hung`
    return { name, ok: true, detail: `${this.#running.size} running, ${this.#waiting.length} waiting, ${ended}` }
  }

  /** Takes nothing new and lets what came be handled. @returns how many were not; their signals are aborted. Never rejects. */
  async stop(timeoutMs: number): Promise<number> {
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), timeoutMs)
    const called = new Promise<void>((resolve) => late.signal.addEventListener('abort', () => resolve()))
    await Promise.race([this.#subscription.drain(), called])
    if (this.#running.size > 0 && !late.signal.aborted)
      await Promise.race([new Promise<void>((resolve) => (this.#idle = resolve)), called])
    clearTimeout(timer)
    clearInterval(this.#sweeper)
    const left = this.#running.size + this.#waiting.splice(0).length
    for (const message of this.#running) message.abort('the app stops')
    return left
  }

  #take(received: Msg): void {
    const message = new HeardMessage(received, this.#listener.channel, this.#connection.logger)
    const { concurrency, maxWaiting, maxWaitingBytes } = this.#limits
    if (this.#running.size < concurrency) return this.#begin(message)
    if (this.#waiting.length >= maxWaiting || this.#waitingBytes + message.byteLength > maxWaitingBytes)
      return this.#drop()
    this.#waiting.push(message)
    this.#waitingBytes += message.byteLength
  }

  #drop(): void {
    if (!this.#trouble('dropped', `${this.#waiting.length} messages with ${this.#waitingBytes} bytes wait`)) return
    this.#connection.events.emit('slowConsumerDetected', {
      subject: listenerSubject(this.#listener.channel),
      pendingMessages: this.#waiting.length,
      pendingMessagesLimit: this.#limits.maxWaiting,
      pendingBytes: this.#waitingBytes,
      pendingBytesLimit: this.#limits.maxWaitingBytes,
      dropped: this.#counts.dropped,
    })
  }

  #begin(message: HeardMessage): void {
    message.beganAt = performance.now()
    this.#running.add(message)
    void this.#handle(message).then(() => this.#ended(message))
  }

  /** Never rejects. */
  async #handle(message: HeardMessage): Promise<void> {
    try {
      const { channel } = this.#listener
      const decoded = message.decode(channel)
      if (decoded instanceof InvalidMessage) {
        const issues = decoded.issues.map((issue) => `${issue.path || '/'}: ${issue.message}`).join('; ')
        this.#trouble('invalid', issues.slice(0, 1_000))
      } else if (this.#tracer) await this.#traced(this.#tracer, decoded, message)
      else await this.#listener.handle(decoded as never, message)
    } catch (error) {
      if (!message.isGivenUp) this.#trouble('failed', errorText(error))
    }
  }

  #traced(tracer: Tracer, decoded: unknown, message: HeardMessage): Promise<void> | void {
    const { subject, id } = message
    const published = readTraceHeaders((name) => message.header(name))
    const span = startSpan(
      tracer,
      {
        kind: SpanKind.CONSUMER,
        operation: 'process',
        type: 'process',
        subject,
        attributes: {
          'messaging.consumer.group.name': this.#connection.name,
          ...(id !== undefined && { 'messaging.message.id': id }),
        },
        ...(published && { links: [published] }),
      },
      remoteParent(published),
    )
    return inSpan(span, () => this.#listener.handle(decoded as never, message))
  }

  #ended(message: HeardMessage): void {
    if (!this.#running.delete(message)) return
    const next = this.#waiting.shift()
    if (next) {
      this.#waitingBytes -= next.byteLength
      this.#begin(next)
    } else if (this.#running.size === 0) this.#idle?.()
  }

  readonly #sweep = (): void => {
    const now = performance.now()
    const { maxHandlerMs } = this.#limits
    for (const message of [...this.#running]) {
      const ranMs = now - message.beganAt
      if (ranMs > maxHandlerMs && !message.signal.aborted) message.abort(`it ran for ${Math.round(ranMs)} ms`)
      if (ranMs <= maxHandlerMs + GRACE_MS) continue
      message.isGivenUp = true
      this.#trouble('hung', `it ran for ${Math.round(ranMs)} ms`)
      this.#ended(message)
    }
  }

  /** @returns whether it was said, and not only counted. */
  #trouble(kind: Trouble, error: string): boolean {
    this.#counts[kind]++
    const now = performance.now()
    const said = this.#said.get(kind)
    if (said && now - said.at < SAID_MS) {
      said.count++
      return false
    }
    this.#said.set(kind, { at: now, count: 0 })
    const { event, text } = SAYINGS[kind]
    const { channel } = this.#listener
    const detail = { event, channel: channel.name, subject: listenerSubject(channel), error, total: this.#counts[kind] }
    this.#connection.logger.warn({ ...detail, ...(said && said.count > 0 && { sinceLast: said.count }) }, text)
    return true
  }
}
