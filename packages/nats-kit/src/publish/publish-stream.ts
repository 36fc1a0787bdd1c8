import type { Channel, MessageInputOf } from '@alarm-bus/contracts'
import { nuid } from '@nats-io/transport-node'
import { EncodedHeaders, HeaderName, headerLine } from '../codec/headers.ts'
import { encodeJson } from '../codec/json-codec.ts'
import type { SizedText } from '../codec/sized-text.ts'
import type { Connection } from '../connection/connection.ts'
import { positive } from '../checked-options.ts'
import { untilConnected } from '../connection/connection-change.ts'
import { errorText, KitError, KitErrorCode } from '../errors.ts'
import { FastIngest } from './fast-ingest.ts'
import { indexedError } from './indexed-error.ts'
import { MessageSource } from './message-source.ts'
import { type Route, type RouteOf, sharedHeaderLines } from './message-route.ts'
import { messageIdOf } from './publish-options.ts'
import type { PublishStreamOptions, StoredPublisher, StreamReceipt } from './publisher.ts'
import type { StoreOutcomes } from './publisher-health.ts'

/** Two confirmations' worth of what the server grants a single publisher. */
const DEFAULT_MAX_IN_FLIGHT = 1_000

export interface StreamPublisherOptions {
  /** How long the broker may say nothing, in milliseconds. */
  readonly attemptTimeoutMs: number
  /** How long a connection is waited for. */
  readonly budgetMs: number
  /** The publisher holds each id to one message. */
  readonly holdsIds: boolean
  readonly outcomes: StoreOutcomes
}

/** Publishes streams of messages and knows those under way; see {@link StoredPublisher} for what it guarantees. */
export class StreamPublisher {
  readonly #connection: Connection
  readonly #routeOf: RouteOf
  readonly #options: StreamPublisherOptions
  /** How to end each stream under way. */
  readonly #underWay = new Map<Promise<StreamReceipt>, (why: KitError) => void>()
  #closed = false

  constructor(connection: Connection, routeOf: RouteOf, options: StreamPublisherOptions) {
    this.#connection = connection
    this.#routeOf = routeOf
    this.#options = options
  }

  readonly publish: StoredPublisher['publishStream'] = (channel, messages, options) => {
    if (this.#closed)
      return Promise.reject(
        new KitError(KitErrorCode.Closed, 'the publisher is closed; nothing was sent', { stored: 0 }),
      )
    let stop: (why: KitError) => void = () => {}
    const publishing = this.#publish(channel, messages, options, (stopper) => (stop = stopper))
    this.#underWay.set(publishing, (why) => stop(why))
    const forget = (): void => void this.#underWay.delete(publishing)
    publishing.then(forget, forget)
    return publishing
  }

  /** Ends the streams under way, which reject with `closed` and what is stored, and waits for them. */
  async close(): Promise<void> {
    this.#closed = true
    const underWay = [...this.#underWay]
    for (const [, stop] of underWay) stop(new KitError(KitErrorCode.Closed, 'the publisher was closed'))
    await Promise.allSettled(underWay.map(([publishing]) => publishing))
  }

  async #publish<C extends Channel>(
    channel: C,
    messages: AsyncIterable<MessageInputOf<C>> | Iterable<MessageInputOf<C>>,
    options: PublishStreamOptions<MessageInputOf<C>> = {},
    onStart: (stop: (why: KitError) => void) => void,
  ): Promise<StreamReceipt> {
    const { signal, maxInFlight = DEFAULT_MAX_IN_FLIGHT } = options
    positive('maxInFlight', maxInFlight)
    if (options.ids !== undefined && this.#options.holdsIds) throw unclaimed()
    const route = this.#routeOf(channel)
    const sharedLines = sharedHeaderLines(route, options)
    let reason: KitError | undefined
    await this.#connected(signal, (stopWaiting) => {
      onStart((why) => {
        reason = why
        stopWaiting()
      })
    }).catch((error: unknown) => {
      throw reason ? withStored(reason, 0) : error
    })
    const { outcomes, attemptTimeoutMs: silenceMs } = this.#options
    const [startedAt, storedBefore] = [performance.now(), outcomes.storedCount]
    const encode = this.#encoder(channel, route, sharedLines, options)
    const source = new MessageSource(messages)
    const stop = (why: KitError): void => {
      reason ??= why
      source.stop()
    }
    const ingest = new FastIngest(this.#connection, { subject: route.subject, maxInFlight, silenceMs, onFailure: stop })
    const stopNow = (why: KitError): void => {
      stop(why)
      void ingest.finish()
    }
    const onAbort = (): void =>
      stopNow(new KitError(KitErrorCode.Aborted, 'aborted by its signal', { cause: signal?.reason }))
    onStart(stopNow)
    signal?.addEventListener('abort', onAbort)
    if (signal?.aborted) onAbort()
    try {
      await pump(source, ingest, encode, () => reason !== undefined)
    } catch (error) {
      stop(KitError.from(error))
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
    const end = await ingest.finish()
    // A failure at the very end has no other way to be heard.
    const failure = reason ?? end.failure
    if (end.confirmed > 0) outcomes.stored()
    else if (failure?.code === KitErrorCode.BrokerUnavailable) {
      outcomes.failed({ startedAt, storedBefore, why: failure.message })
    }
    if (failure) source.release()
    if (failure) throw withStored(failure, end.confirmed)
    return { count: end.confirmed, stream: route.stream, lastSeq: end.lastSeq }
  }

  /** A signal that is aborted already is the business of what follows. @throws KitError `broker_unavailable`. */
  async #connected(signal: AbortSignal | undefined, onWait: (stopWaiting: () => void) => void): Promise<void> {
    if (this.#connection.state === 'connected') return
    const calledOff = new AbortController()
    onWait(() => calledOff.abort())
    const ended = signal ? AbortSignal.any([signal, calledOff.signal]) : calledOff.signal
    const { budgetMs } = this.#options
    if (await untilConnected(this.#connection, budgetMs, ended)) return
    if (signal?.aborted)
      throw new KitError(KitErrorCode.Aborted, 'aborted by its signal', { cause: signal.reason, stored: 0 })
    const why = `not connected to the broker within ${budgetMs} ms; nothing was sent`
    throw new KitError(KitErrorCode.BrokerUnavailable, why, { stored: 0 })
  }

  /** @returns what throws about a message. */
  #encoder<C extends Channel>(
    channel: C,
    route: Route,
    sharedLines: string,
    { ids }: PublishStreamOptions<MessageInputOf<C>>,
  ): Encode<MessageInputOf<C>> {
    const maxBytes = Math.min(
      this.#connection.client.info?.max_payload ?? Number.MAX_SAFE_INTEGER,
      route.maxMessageBytes,
    )
    // As unique as a UUID for each, and shorter.
    const ownIds = `${nuid.next()}-`
    return (message, index) => {
      const payload = encodeJson(channel, message)
      const id = ids === undefined ? ownIds + index : messageIdOf({ id: ids(message, index) })
      const headers = new EncodedHeaders(
        // The others could not join the batch in another stream, and each header costs the broker time.
        (index === 0 ? route.streamLine : '') + headerLine(HeaderName.MessageId, id) + sharedLines,
      )
      const bytes = headers.byteLength + payload.byteLength
      if (bytes <= maxBytes) return { headers, payload }
      const why = `${bytes} bytes with its headers, ${maxBytes} are allowed on ${route.subject}`
      throw new KitError(KitErrorCode.MessageTooLarge, why)
    }
  }
}

type Encode<Message> = (message: Message, index: number) => { readonly headers: SizedText; readonly payload: SizedText }

/** Takes a message only when there is room for it. */
async function pump<T>(
  source: MessageSource<T>,
  ingest: FastIngest,
  encode: Encode<T>,
  isStopped: () => boolean,
): Promise<void> {
  for (let index = 0; !isStopped(); index++) {
    if (!ingest.hasRoom) await ingest.room()
    if (isStopped()) return
    const taken = await take(source)
    if (taken === undefined) return
    let encoded: ReturnType<Encode<T>>
    try {
      encoded = encode(taken.value, index)
    } catch (error) {
      throw indexedError(error, index)
    }
    if (!isStopped()) ingest.send(encoded.headers, encoded.payload)
  }
}

async function take<T>(source: MessageSource<T>): Promise<{ readonly value: T } | undefined> {
  try {
    return await source.next()
  } catch (error) {
    throw new KitError(KitErrorCode.SourceFailed, `the source of the messages failed: ${errorText(error)}`, {
      cause: error,
    })
  }
}

function withStored(error: KitError, stored: number): KitError {
  const { code, message, cause, issues, brokerCode } = error
  return new KitError(code, `${message}; ${stored} messages are stored`, {
    issues,
    stored,
    cause: cause ?? error,
    ...(brokerCode === undefined ? {} : { brokerCode }),
  })
}

/** A claim for each message on the way would cost a round trip each. */
function unclaimed(): KitError {
  return new KitError(
    KitErrorCode.InvalidOptions,
    'this publisher holds each id to one message, which it cannot do in a stream of messages: leave the ids out, or publish them by publishMany',
    { stored: 0 },
  )
}
