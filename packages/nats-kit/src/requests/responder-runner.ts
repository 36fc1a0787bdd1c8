import { InvalidMessage, MAX_REQUEST_TIMEOUT_MS, type ResponderError } from '@alarm-bus/contracts'
import { SpanKind, type Tracer } from '@opentelemetry/api'
import type { Msg } from '@nats-io/transport-node'
import { positive } from '../checked-options.ts'
import { EncodedHeaders, HeaderName, headerLine } from '../codec/headers.ts'
import type { SizedText } from '../codec/sized-text.ts'
import type { Connection } from '../connection/connection.ts'
import { KeptSubscription } from '../connection/kept-subscription.ts'
import { errorText } from '../errors.ts'
import type { HealthCheck } from '../health.ts'
import { findTracer } from '../tracing/find-tracer.ts'
import { inSpan, remoteParent, startSpan } from '../tracing/spans.ts'
import { readTraceHeaders } from '../tracing/trace-headers.ts'
import { decodePart, encodePart, issuesText } from './part-codec.ts'
import { RequestFailed } from './remote-error.ts'
import { RequestCall } from './request-call.ts'
import type { Responder } from './responder.ts'
import type { StallClock } from './stall-clock.ts'

/** How long past its deadline a handler keeps its place. */
const HUNG_MS = 10_000
const SWEEP_MS = 1_000
/** A line for each kind of refusal at most once in this time; the next one counts those between. */
const SAID_MS = 10_000
/** Digits of a timeout; `MAX_REQUEST_TIMEOUT_MS` has five. */
const TIMEOUT = /^\d{1,9}$/
const EMPTY: SizedText = { text: '', byteLength: 0 }

/** Subscribes to one request and has its handler answer, a bounded number at once. */
export class ResponderRunner {
  readonly #connection: Connection
  readonly #responder: Responder
  readonly #clock: StallClock
  readonly #concurrency: number
  readonly #maxWaiting: number
  readonly #subscription: KeptSubscription
  readonly #running = new Set<RequestCall>()
  readonly #waiting: RequestCall[] = []
  readonly #refusals = new Map<string, { count: number; saidAt: number }>()
  #sweeper: NodeJS.Timeout | undefined
  readonly #tracer: Tracer | undefined = findTracer()
  #idle: (() => void) | undefined

  /** @throws KitError `invalid_options`; nothing is subscribed before `start`. */
  constructor(connection: Connection, responder: Responder, clock: StallClock) {
    const { request, concurrency = 64, maxWaiting = 256 } = responder
    this.#connection = connection
    this.#responder = responder
    this.#clock = clock
    this.#concurrency = positive('concurrency', concurrency)
    this.#maxWaiting = maxWaiting === 0 ? 0 : positive('maxWaiting', maxWaiting)
    this.#subscription = new KeptSubscription(connection, {
      subject: request.subject,
      // All instances of the app are one group.
      queue: connection.name,
      what: `the subscription to ${request.subject}`,
      onMessage: (message) => this.#take(message),
    })
  }

  start(): void {
    this.#subscription.open()
    this.#sweeper = setInterval(this.#sweep, SWEEP_MS).unref()
  }

  check(): HealthCheck {
    const name = `responder:${this.#responder.request.name}`
    const { refusal } = this.#subscription
    if (refusal !== undefined) return { name, ok: false, detail: refusal }
    return { name, ok: true, detail: `answers; ${this.#running.size} running, ${this.#waiting.length} waiting` }
  }

  /** Takes nothing new and lets handlers end. @returns how many had not; their signals are aborted. Never rejects. */
  async stop(timeoutMs: number): Promise<number> {
    clearInterval(this.#sweeper)
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), timeoutMs)
    const called = new Promise<void>((resolve) => late.signal.addEventListener('abort', () => resolve()))
    await Promise.race([this.#subscription.drain(), called])
    if (this.#running.size > 0 && !late.signal.aborted) {
      await Promise.race([new Promise<void>((resolve) => (this.#idle = resolve)), called])
    }
    clearTimeout(timer)
    const left = this.#running.size + this.#waiting.length
    for (const call of this.#running) call.abort('the app stops')
    this.#waiting.length = 0
    return left
  }

  #take(message: Msg): void {
    const { request } = this.#responder
    // Answers go to inboxes: whoever names another place would have this app write there in its stead.
    if (!message.reply?.startsWith('_')) return this.#refused('no_inbox', 'names no inbox for the answer')
    const call = new RequestCall(message, request, this.#connection.logger)
    const now = performance.now()
    const given = call.header(HeaderName.TimeoutMs)
    const timeoutMs = given !== undefined && TIMEOUT.test(given) ? Number(given) : request.timeoutMs
    call.setDeadline(now, Math.min(timeoutMs, MAX_REQUEST_TIMEOUT_MS), this.#clock.waitedMs(now))
    if (!call.mayBegin) this.#refused('expired', 'arrived after its caller had stopped waiting')
    else if (this.#running.size < this.#concurrency) this.#begin(call)
    else if (this.#waiting.length < this.#maxWaiting) this.#waiting.push(call)
    else {
      this.#refused('overloaded', `found ${this.#concurrency} running and ${this.#maxWaiting} waiting`)
      this.#answerError(call, 'overloaded')
    }
  }

  #begin(call: RequestCall): void {
    const { request } = this.#responder
    const input = decodePart(request.request, call.data)
    if (input instanceof InvalidMessage) {
      this.#refused('invalid_request', `does not fit: ${issuesText(input.issues)}`)
      return this.#answerError(call, 'invalid_request')
    }
    // It may have waited for a place, and the first input of a process is slow to check.
    if (!call.mayBegin) return this.#refused('expired', 'had its turn after its caller had stopped waiting')
    this.#running.add(call)
    let result: unknown
    try {
      result = this.#tracer ? this.#traced(this.#tracer, input, call) : this.#responder.handle(input as never, call)
      if (isThenable(result)) {
        result.then(
          (response) => this.#onReturned(call, response),
          (error: unknown) => this.#onFailed(call, error),
        )
        return
      }
    } catch (error) {
      return this.#onFailed(call, error)
    }
    this.#onReturned(call, result)
  }

  #traced(tracer: Tracer, input: unknown, call: RequestCall): unknown {
    const { name, subject } = this.#responder.request
    const parent = remoteParent(readTraceHeaders((header) => call.header(header)))
    const attributes = { 'nats.request.name': name, 'messaging.message.body.size': call.data.length }
    const span = startSpan(
      tracer,
      { kind: SpanKind.SERVER, operation: 'respond', type: 'process', subject, attributes },
      parent,
    )
    return inSpan(span, () => this.#responder.handle(input as never, call))
  }

  #onReturned(call: RequestCall, response: unknown): void {
    this.#finish(call, () => {
      if (!this.#isAwaited(call)) return
      const encoded = encodePart(this.#responder.request.response, response)
      if ('issues' in encoded) this.#internal(call, `the response does not fit: ${issuesText(encoded.issues)}`)
      else this.#answer(call, undefined, encoded.sized)
    })
  }

  #onFailed(call: RequestCall, error: unknown): void {
    this.#finish(call, () => {
      const failed = error instanceof RequestFailed ? error : undefined
      const { errors } = this.#responder.request
      const part = failed && Object.hasOwn(errors, failed.code) ? errors[failed.code] : undefined
      if (!failed || !part) return this.#internal(call, errorText(error))
      if (!this.#isAwaited(call)) return
      const encoded = encodePart(part, failed.detail)
      if ('issues' in encoded) {
        this.#internal(call, `error ${JSON.stringify(failed.code)} does not fit: ${issuesText(encoded.issues)}`)
      } else this.#answer(call, errorHead(failed.code), encoded.sized)
    })
  }

  /** What a handler gave or threw may throw when it is read; its place is free again in any case. */
  #finish(call: RequestCall, answer: () => void): void {
    try {
      answer()
    } catch (error) {
      this.#internal(call, errorText(error))
    }
    this.#end(call)
  }

  #isAwaited(call: RequestCall): boolean {
    return !call.isOver && call.remainingMs > 0
  }

  /** The caller is told that, and no more. */
  #internal(call: RequestCall, why: string): void {
    const { name } = this.#responder.request
    const requestId = call.header(HeaderName.RequestId)
    this.#connection.logger.error(
      { event: 'responderFailed', request: name, ...(requestId !== undefined && { requestId }), error: why },
      `request ${name} failed`,
    )
    if (this.#isAwaited(call)) this.#answerError(call, 'internal')
  }

  #answerError(call: RequestCall, code: ResponderError): void {
    this.#answer(call, errorHead(code), EMPTY)
  }

  #answer(call: RequestCall, head: SizedText | undefined, body: SizedText): void {
    const { state, client, frames } = this.#connection
    // The broker forgets with the connection who asked.
    if (state !== 'connected') return
    if ((head?.byteLength ?? 0) + body.byteLength > (client.info?.max_payload ?? Infinity)) {
      return this.#internal(call, 'the response is larger than the broker’s max_payload')
    }
    try {
      frames.publish(call.reply, '', head, body)
    } catch {
      // Closed meanwhile.
    }
  }

  #end(call: RequestCall): void {
    call.end()
    // False where its place was taken back before.
    if (!this.#running.delete(call)) return
    this.#beginWaiting()
  }

  #beginWaiting(): void {
    while (this.#running.size < this.#concurrency) {
      const next = this.#waiting.shift()
      if (!next) break
      this.#begin(next)
    }
    if (this.#running.size === 0) this.#idle?.()
  }

  /** A handler that heeds neither its signal nor the clock may hold a place for ever. */
  readonly #sweep = (): void => {
    for (const call of this.#running) {
      if (call.remainingMs > -HUNG_MS) continue
      this.#connection.logger.error(
        { event: 'responderHung', request: call.request },
        `the handler of request ${call.request} is still running ${HUNG_MS} ms after its deadline; its place is given to others`,
      )
      this.#end(call)
    }
    for (let i = this.#waiting.length; i-- > 0;) {
      if ((this.#waiting[i] as RequestCall).mayBegin) continue
      this.#waiting.splice(i, 1)
      this.#refused('expired', 'waited here until its caller had stopped waiting')
    }
  }

  /** Others decide how often this happens, so not every one is a line. */
  #refused(kind: string, why: string): void {
    const now = performance.now()
    const known = this.#refusals.get(kind) ?? { count: 0, saidAt: -Infinity }
    this.#refusals.set(kind, known)
    known.count++
    if (now - known.saidAt < SAID_MS) return
    const { name } = this.#responder.request
    const { count } = known
    this.#connection.logger.warn(
      { event: 'requestRefused', request: name, kind, count },
      `a request ${name} ${why.slice(0, 1_000)}; ${count} of the kind since the last line`,
    )
    known.count = 0
    known.saidAt = now
  }
}

const errorHeads = new Map<string, EncodedHeaders>()

/** Codes are declared, so there are few. */
function errorHead(code: string): EncodedHeaders {
  let head = errorHeads.get(code)
  if (!head) errorHeads.set(code, (head = new EncodedHeaders(headerLine(HeaderName.Error, code))))
  return head
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
