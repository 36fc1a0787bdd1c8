import {
  type App,
  type Contracts,
  InvalidMessage,
  MAX_REQUEST_TIMEOUT_MS,
  type MessageIssue,
  type RequestContract,
  type RequestInputOf,
  RESPONDER_ERRORS,
  type ResponseOf,
} from '@alarm-bus/contracts'
import { SpanKind, type Tracer } from '@opentelemetry/api'
import type { Msg } from '@nats-io/transport-node'
import { checkedTimeoutMs, positive } from '../checked-options.ts'
import { firstValue, readHeaderBlock } from '../codec/header-block.ts'
import { callerHeaderLines, EncodedHeaders, HeaderName, headerLine } from '../codec/headers.ts'
import { headerBytesOf } from '../codec/received.ts'
import type { SizedText } from '../codec/sized-text.ts'
import type { Connection } from '../connection/connection.ts'
import { Inbox } from '../connection/inbox.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import type { ConnectionState } from '../events.ts'
import type { HealthCheck } from '../health.ts'
import { InFlightTable, type Waiting } from '../publish/in-flight-table.ts'
import { findTracer } from '../tracing/find-tracer.ts'
import { inSpan, serverAttributes, startSpan } from '../tracing/spans.ts'
import { withTrace } from '../tracing/traced-publisher.ts'
import { decodePart, encodePart, issuesText, TOO_LARGE } from './part-codec.ts'
import { remoteError } from './remote-error.ts'

/** How often deadlines are looked at. One timer for all requests: a timer each costs more than the request. */
const SWEEP_MS = 10
const NO_RESPONDERS = Buffer.from('NATS/1.0 503')

export interface RequestCallOptions {
  /** How long to wait for the answer, in milliseconds above 0, at most 60,000. Default: the request's own. */
  readonly timeoutMs?: number
  /** Ends the wait, with `aborted`; the responder is not told. */
  readonly signal?: AbortSignal
  /** Further headers; names of the broker's and the kit's are refused. */
  readonly headers?: Readonly<Record<string, string>>
}

export interface RequesterOptions {
  /** Requests without an answer, at most; one more is refused. Default 1,024. */
  readonly maxInFlight?: number
}

/**
 * Asks other apps. Nothing is stored and nothing is sent twice: a request that was sent and had no answer may have been
 * handled.
 *
 * Rejects with KitError `invalid_message`, `message_too_large`, `invalid_header`, `invalid_options`: nothing was sent.
 * `broker_unavailable` while the connection is down, and for what waits when it is lost. `permission_denied`,
 * `too_many_in_flight`, `no_responder` (at once), `timeout`, `aborted`, `closed`. `remote_error` when the responder
 * answered with an error, see `remoteErrorOf`; `invalid_response` when what answered is neither.
 */
export interface Requester {
  request<R extends RequestContract>(
    request: R,
    input: RequestInputOf<R>,
    options?: RequestCallOptions,
  ): Promise<ResponseOf<R>>
  checks(): readonly HealthCheck[]
  /** Refuses new requests; those that wait for an answer are rejected with `closed`. */
  close(): void
}

interface PendingRequest extends Waiting {
  readonly request: RequestContract
  readonly resolve: (response: never) => void
  readonly reject: (error: KitError) => void
  readonly timeoutMs: number
  readonly endsAt: number
  /** Set where the caller gave a signal. */
  forget: (() => void) | undefined
}

/** @throws KitError `invalid_options`; nothing is subscribed before the first request. */
export function createRequester(
  connection: Connection,
  options: RequesterOptions & {
    readonly contracts: Contracts
    /** Given: only the requests that the app declares to ask. */
    readonly app?: App
  },
): Requester {
  return new OpenRequester(connection, options)
}

class OpenRequester implements Requester {
  readonly #connection: Connection
  readonly #maxInFlight: number
  readonly #asked: ReadonlySet<RequestContract>
  readonly #app: App | undefined
  readonly #inbox: Inbox
  readonly #pending = new InFlightTable<PendingRequest>()
  /** Of requests with no options of the caller's, which are most. */
  readonly #heads = new Map<RequestContract, SizedText>()
  #sweeper: NodeJS.Timeout | undefined
  /** Nothing ends sooner. */
  #nextEndsAt = Infinity
  readonly #tracer: Tracer | undefined = findTracer()
  #closed = false

  constructor(connection: Connection, options: Parameters<typeof createRequester>[1]) {
    const { contracts, app, maxInFlight = 1_024 } = options
    // What is taken for an answer's subject elsewhere begins like this; see ResponderRunner.
    if (!connection.inboxPrefix.startsWith('_')) {
      throw new KitError(
        KitErrorCode.InvalidOptions,
        `inbox prefix ${JSON.stringify(connection.inboxPrefix)} must begin with "_" in an app that asks requests`,
      )
    }
    this.#connection = connection
    this.#maxInFlight = positive('maxInFlight', maxInFlight)
    this.#app = app
    this.#asked = new Set(app ? app.asks : contracts.requests)
    this.#inbox = new Inbox(connection, {
      kind: 'reply',
      tokens: '*',
      takes: 'answers',
      onMessage: (message) => this.#onAnswer(message),
      onRefused: (why) => this.#rejectAll(() => new KitError(KitErrorCode.PermissionDenied, why)),
    })
    connection.events.on('connectionStateChanged', this.#onState)
    connection.events.on('errorOccurred', this.#onBrokerError)
  }

  /** Bound, so that it can be handed on alone. */
  readonly request: Requester['request'] = (request, input, options) =>
    this.#tracer && this.#asked.has(request)
      ? this.#traced(this.#tracer, request, input, options)
      : this.#ask(request, input, options)

  checks(): readonly HealthCheck[] {
    const { refusal } = this.#inbox
    return refusal === undefined ? [] : [{ name: 'requester', ok: false, detail: refusal }]
  }

  close(): void {
    this.#closed = true
    this.#connection.events.off('connectionStateChanged', this.#onState)
    this.#connection.events.off('errorOccurred', this.#onBrokerError)
    this.#rejectAll(closed)
    clearInterval(this.#sweeper)
    this.#sweeper = undefined
    this.#inbox.close()
  }

  #ask<R extends RequestContract>(
    request: R,
    input: RequestInputOf<R>,
    options: RequestCallOptions | undefined,
  ): Promise<ResponseOf<R>> {
    return new Promise((resolve, reject) => {
      try {
        this.#send(request, input, options, resolve, reject)
      } catch (error) {
        reject(KitError.from(error))
      }
    })
  }

  async #traced<R extends RequestContract>(
    tracer: Tracer,
    request: R,
    input: RequestInputOf<R>,
    options: RequestCallOptions | undefined,
  ): Promise<ResponseOf<R>> {
    const attributes = { 'nats.request.name': request.name, ...serverAttributes(this.#connection) }
    const { subject } = request
    const span = startSpan(tracer, { kind: SpanKind.CLIENT, operation: 'request', type: 'send', subject, attributes })
    return inSpan(span, () => this.#ask(request, input, { ...options, headers: withTrace(options?.headers, span) }))
  }

  #send(
    request: RequestContract,
    input: unknown,
    options: RequestCallOptions | undefined,
    resolve: (response: never) => void,
    reject: (error: KitError) => void,
  ): void {
    if (this.#closed) throw closed()
    if (!this.#asked.has(request)) throw this.#undeclared(request)
    const timeoutMs = options?.timeoutMs === undefined ? request.timeoutMs : requestTimeoutMs(options.timeoutMs)
    const signal = options?.signal
    if (signal?.aborted) throw aborted(request, signal)
    const encoded = encodePart(request.request, input)
    if ('issues' in encoded) throw invalidInput(request, encoded.issues)
    const head = options === undefined ? this.#headOf(request) : headOf(request, timeoutMs, options.headers)
    if (this.#pending.size >= this.#maxInFlight) {
      throw new KitError(
        KitErrorCode.TooManyInFlight,
        `${this.#maxInFlight} requests wait for their answers already; try again later`,
      )
    }
    const connection = this.#connection
    if (connection.state !== 'connected') {
      if (connection.state === 'closed') throw closed()
      throw new KitError(KitErrorCode.BrokerUnavailable, `not connected; nothing was sent on ${request.subject}`)
    }
    if (head.byteLength + encoded.sized.byteLength > (connection.client.info?.max_payload ?? Infinity)) {
      throw tooLarge(request, 'is larger than the broker’s max_payload')
    }
    if (!this.#inbox.open()) {
      throw new KitError(KitErrorCode.PermissionDenied, `${this.#inbox.refusal ?? 'no inbox'}; nothing was sent`)
    }
    const endsAt = performance.now() + timeoutMs
    const pending: PendingRequest = {
      token: '',
      order: 0,
      request,
      resolve,
      reject,
      timeoutMs,
      endsAt,
      forget: undefined,
    }
    this.#pending.add(pending)
    try {
      connection.frames.publish(request.subject, this.#inbox.prefix + pending.token, head, encoded.sized)
    } catch (error) {
      this.#pending.delete(pending)
      throw error
    }
    if (signal) {
      const onAbort = (): void => this.#reject(pending, aborted(request, signal))
      signal.addEventListener('abort', onAbort)
      pending.forget = () => signal.removeEventListener('abort', onAbort)
    }
    if (endsAt < this.#nextEndsAt) this.#nextEndsAt = endsAt
    this.#sweeper ??= setInterval(this.#sweep, SWEEP_MS)
  }

  #headOf(request: RequestContract): SizedText {
    let head = this.#heads.get(request)
    if (!head) this.#heads.set(request, (head = headOf(request, request.timeoutMs, undefined)))
    return head
  }

  #undeclared(request: RequestContract): KitError {
    const who = this.#app ? `app ${JSON.stringify(this.#app.name)} does not declare that it asks` : 'the contracts lack'
    return new KitError(
      KitErrorCode.InvalidOptions,
      `${who} request ${JSON.stringify(request.name)}; nothing was sent. Add it to asks, then \`pnpm ops permissions\``,
    )
  }

  #onAnswer(message: Msg): void {
    const pending = this.#pending.get(message.subject.slice(this.#inbox.prefix.length))
    // After its time, or once more.
    if (!pending) return
    this.#settle(pending)
    const answer = readAnswer(pending.request, message)
    if (answer instanceof KitError) pending.reject(answer)
    else pending.resolve(answer as never)
  }

  readonly #sweep = (): void => {
    const now = performance.now()
    if (this.#pending.size === 0) {
      clearInterval(this.#sweeper)
      this.#sweeper = undefined
      this.#nextEndsAt = Infinity
      return
    }
    if (now < this.#nextEndsAt) return
    this.#nextEndsAt = Infinity
    for (const pending of this.#pending.entries()) {
      if (pending.endsAt <= now) this.#reject(pending, timedOut(pending))
      else if (pending.endsAt < this.#nextEndsAt) this.#nextEndsAt = pending.endsAt
    }
  }

  /** What was sent is not sent again: it may be running. */
  readonly #onState = ({ state }: { readonly state: ConnectionState }): void => {
    if (state === 'connected') return
    this.#rejectAll(
      ({ request: { subject } }) =>
        new KitError(
          KitErrorCode.BrokerUnavailable,
          `the connection was lost before the answer to ${subject} came; the request may have been handled`,
        ),
    )
  }

  /** The broker answers a forbidden publish with an error that names the subject, and nothing else. */
  readonly #onBrokerError = (error: { readonly operation?: string; readonly subject?: string }): void => {
    if (error.operation !== 'publish') return
    for (const pending of this.#pending.entries()) {
      if (pending.request.subject !== error.subject) continue
      const why = `this app's user may not publish on ${pending.request.subject}`
      this.#reject(pending, new KitError(KitErrorCode.PermissionDenied, why))
    }
  }

  #rejectAll(why: (pending: PendingRequest) => KitError): void {
    for (const pending of this.#pending.entries()) this.#reject(pending, why(pending))
  }

  #reject(pending: PendingRequest, error: KitError): void {
    this.#settle(pending)
    pending.reject(error)
  }

  #settle(pending: PendingRequest): void {
    this.#pending.delete(pending)
    pending.forget?.()
  }
}

/** What came, checked: the response, or the error that the caller is given. Never throws. */
function readAnswer(request: RequestContract, message: Msg): unknown {
  const head = headerBytesOf(message)
  if (head !== undefined) {
    if (message.data.length === 0 && NO_RESPONDERS.equals(head.subarray(0, NO_RESPONDERS.length))) {
      return new KitError(KitErrorCode.NoResponder, `no app answers ${request.subject}: its responder is not running`)
    }
    const code = firstValue(readHeaderBlock(head), HeaderName.Error)
    if (code !== undefined) return readError(request, code, message.data)
  }
  const response = decodePart(request.response, message.data)
  return response instanceof InvalidMessage ? invalidResponse(request, 'its response', response.issues) : response
}

function readError(request: RequestContract, code: string, bytes: Uint8Array): KitError {
  const part = Object.hasOwn(request.errors, code) ? request.errors[code] : undefined
  if (part) {
    const detail = decodePart(part, bytes)
    return detail instanceof InvalidMessage
      ? invalidResponse(request, `error ${JSON.stringify(code)}`, detail.issues)
      : remoteError(request, { code, detail })
  }
  if (!(RESPONDER_ERRORS as readonly string[]).includes(code)) {
    const shown = JSON.stringify(code.slice(0, 64))
    return invalidResponse(request, `one of its errors: ${shown}`, [])
  }
  return remoteError(request, { code, detail: undefined })
}

function headOf(
  { name, version }: RequestContract,
  timeoutMs: number,
  headers: RequestCallOptions['headers'],
): SizedText {
  const lines =
    headerLine(HeaderName.Request, name) +
    headerLine(HeaderName.Version, version) +
    headerLine(HeaderName.TimeoutMs, Math.max(1, Math.floor(timeoutMs)))
  return new EncodedHeaders(lines + callerHeaderLines(headers))
}

function requestTimeoutMs(timeoutMs: number): number {
  if (checkedTimeoutMs(timeoutMs) <= MAX_REQUEST_TIMEOUT_MS) return timeoutMs
  throw new KitError(
    KitErrorCode.InvalidOptions,
    `timeoutMs must be at most ${MAX_REQUEST_TIMEOUT_MS} milliseconds for a request, not ${timeoutMs}`,
  )
}

function invalidInput(request: RequestContract, issues: readonly MessageIssue[]): KitError {
  if (issues[0]?.code === TOO_LARGE) return tooLarge(request, `has ${issues[0].message}`)
  return new KitError(
    KitErrorCode.InvalidMessage,
    `the input does not fit request ${JSON.stringify(request.name)}: ${issuesText(issues)}`,
    { issues },
  )
}

function tooLarge({ name }: RequestContract, why: string): KitError {
  return new KitError(KitErrorCode.MessageTooLarge, `the input of request ${JSON.stringify(name)} ${why}`)
}

function invalidResponse({ name }: RequestContract, what: string, issues: readonly MessageIssue[]): KitError {
  const why = issues.length === 0 ? '' : `: ${issuesText(issues)}`
  return new KitError(
    KitErrorCode.InvalidResponse,
    `what answered request ${JSON.stringify(name)} does not fit ${what}${why}`,
    { issues },
  )
}

function timedOut({ request: { name, subject }, timeoutMs }: PendingRequest): KitError {
  return new KitError(
    KitErrorCode.Timeout,
    `no answer to request ${JSON.stringify(name)} on ${subject} within ${timeoutMs} ms; it may have been handled`,
  )
}

function aborted({ name }: RequestContract, { reason }: AbortSignal): KitError {
  return new KitError(KitErrorCode.Aborted, `request ${JSON.stringify(name)} was aborted by its signal`, {
    cause: reason,
  })
}

function closed(): KitError {
  return new KitError(KitErrorCode.Closed, 'the requester is closed; a request that waited may have been handled')
}
