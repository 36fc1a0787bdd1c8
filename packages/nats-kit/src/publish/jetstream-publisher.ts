import type { App, Channel, Contracts, MessageInputOf } from '@alarm-bus/contracts'
import { EncodedHeaders, HeaderName, headerLine } from '../codec/headers.ts'
import { encodeJson } from '../codec/json-codec.ts'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import type { HealthCheck } from '../health.ts'
import { findTracer } from '../tracing/find-tracer.ts'
import { traceStoring } from '../tracing/traced-publisher.ts'
import { createScheduler } from '../schedules/create-scheduler.ts'
import { DueRelay } from '../schedules/due-relay.ts'
import { schedulePlaces } from '../schedules/schedule-place.ts'
import { BatchSender } from './batch-sender.ts'
import { Claims } from './claims.ts'
import { routesOf, sharedHeaderLines } from './message-route.ts'
import { createPublishMany, MAX_BATCH_MESSAGES } from './publish-many.ts'
import { budgetOf, messageIdOf } from './publish-options.ts'
import { StreamPublisher } from './publish-stream.ts'
import type { PublishOptions, PublishReceipt, StoredPublisher } from './publisher.ts'
import { PublisherHealth } from './publisher-health.ts'
import { closedError } from './send-errors.ts'
import type { StoredAck, StoredSenderOptions } from './stored-ack.ts'
import { StoredSender } from './stored-sender.ts'

export interface JetStreamPublisherOptions extends StoredSenderOptions {
  readonly contracts: Contracts
  /** Given: only the channels that the app declares to publish. Default: all of the contracts. */
  readonly app?: App
  /** Messages of all batches together that may wait for an ack; one batch more is refused. Default 4,000. */
  readonly maxMessagesInBatches?: number
  /**
   * Hold each id of a caller's to one message, in `publish` and `publishMany`: another message under an id that is known
   * is refused with `idempotency_conflict`, for the duplicate window and a minute after the last publish of that id.
   * `publishStream` refuses ids of a caller's then. `budgetMs` has to be below 60,000. Default false.
   */
  readonly idempotency?: boolean
}

/** A publisher that stores, and knows whether it can. */
export interface JetStreamPublisher extends StoredPublisher {
  /**
   * Begins to publish what is due of the channels that the app declares to schedule; without a declaration, of those that
   * are scheduled from then on. A bus calls it; messages wait until somebody does.
   */
  startSchedules(): void
  /** The check `publisher`: not well while the broker refuses its inbox, or stores nothing of what is asked. */
  checks(): readonly HealthCheck[]
}

/**
 * The publisher that stores: a receipt means that the broker has the message.
 *
 * `publish` checks the message against its channel, sends it with a full-length id and the expected stream, retries
 * with the same id what is worth retrying, and rejects with a KitError: `invalid_message`, `invalid_message_id`,
 * `invalid_ttl`, `invalid_header`, `message_too_large`, `too_many_in_flight`, `publish_rejected`, `permission_denied`,
 * `idempotency_conflict`, `broker_unavailable`, `closed`, and `invalid_options` for a channel or a `timeoutMs` that
 * cannot be.
 *
 * @throws KitError `invalid_options` when the retry budget does not fit a stream's duplicate window; nothing is opened.
 */
export function createJetStreamPublisher(
  connection: Connection,
  options: JetStreamPublisherOptions,
): JetStreamPublisher {
  const { contracts } = options
  const attemptTimeoutMs = options.attemptTimeoutMs ?? 5_000
  const budgetMs = options.budgetMs ?? 15_000
  const health = new PublisherHealth(connection, Math.min(attemptTimeoutMs, budgetMs), () => inboxes)
  const sender = new StoredSender(connection, options, health)
  for (const stream of new Set(contracts.channels.map((channel) => contracts.streamOf(channel)))) {
    if (budgetMs >= stream.duplicateWindowMs) {
      throw new KitError(
        KitErrorCode.InvalidOptions,
        `budgetMs ${budgetMs} must be shorter than the duplicate window of ${stream.name}, ${stream.duplicateWindowMs} ms: a later retry would be stored twice`,
      )
    }
  }
  const routeOf = routesOf(contracts, options.app)
  const maxMessages = options.maxMessagesInBatches ?? 4 * MAX_BATCH_MESSAGES
  const batches = new BatchSender(connection, { maxMessages, attemptTimeoutMs }, health)
  const claims = options.idempotency ? new Claims(connection, options, health) : undefined
  const streams = new StreamPublisher(connection, routeOf, {
    attemptTimeoutMs,
    budgetMs,
    holdsIds: claims !== undefined,
    outcomes: health,
  })
  const inboxes = [sender.inbox, batches.inbox, ...(claims ? [claims.inbox] : [])]
  const places = schedulePlaces(contracts, options.app)
  const scheduler = createScheduler(connection, { ...options, contracts, app: options.app, routeOf, places })
  const relaySender = new StoredSender(connection, options, health)
  const relays = new Map(
    [...places].map(([channel, place]) => [
      channel,
      new DueRelay(connection, options.app?.name ?? connection.name, scheduler.storeOf(place), relaySender),
    ]),
  )
  let isRelaying = false
  const publishMany = createPublishMany(connection, routeOf, { batches, claims, budgetMs })
  /** What is claimed, and whose message is still to be sent. */
  const claimed = new Set<Promise<unknown>>()
  let closed = false

  const track = <T>(publishing: Promise<T>): Promise<T> => {
    const forget = (): void => void claimed.delete(publishing)
    claimed.add(publishing)
    publishing.then(forget, forget)
    return publishing
  }

  const prepare = (channel: Channel, message: unknown, publishOptions: PublishOptions | undefined) => {
    if (closed) throw closedError()
    const route = routeOf(channel)
    const ownBudgetMs = budgetOf(publishOptions, budgetMs)
    const payload = encodeJson(channel, message as MessageInputOf<Channel>)
    const id = messageIdOf(publishOptions)
    const shared = sharedHeaderLines(route, publishOptions)
    const headers = new EncodedHeaders(headerLine(HeaderName.MessageId, id) + route.streamLine + shared)
    return { route, id, payload, headers, ownBudgetMs }
  }

  const toReceipt = (channel: Channel, id: string, ack: StoredAck, ownId: boolean): PublishReceipt => {
    if (!ack.duplicate) return { id, stream: ack.stream, seq: ack.seq, duplicate: false }
    // A fresh id can only meet an earlier attempt of its own: the message was stored once, by this call.
    const duplicate = !ownId
    const detail = { channel: channel.name, id, stream: ack.stream, seq: ack.seq }
    if (duplicate) {
      connection.logger.info({ event: 'duplicateDetected', ...detail }, 'message of this id is stored already')
      connection.events.emit('duplicateDetected', detail)
    } else {
      connection.logger.info(
        { event: 'retryMetItself', attempts: ack.attempts, ...detail },
        'an earlier attempt had stored the message',
      )
    }
    return { id, stream: ack.stream, seq: ack.seq, duplicate }
  }

  /** One budget for the claim and the message together. */
  const publishClaimed = async (
    held: Claims,
    { route, id, payload, headers, ownBudgetMs }: ReturnType<typeof prepare>,
    ttlSeconds: number | undefined,
  ): Promise<StoredAck> => {
    const endsAt = performance.now() + ownBudgetMs
    await held.hold(route, { id, payload }, ttlSeconds, endsAt)
    return sender.send(route.subject, headers, payload, Math.max(1, endsAt - performance.now()))
  }

  const publisher: JetStreamPublisher = {
    publish(channel, message, publishOptions) {
      let prepared: ReturnType<typeof prepare>
      try {
        prepared = prepare(channel, message, publishOptions)
      } catch (error) {
        return Promise.reject(KitError.from(error))
      }
      const { id, payload, headers, ownBudgetMs } = prepared
      const ownId = publishOptions?.id === undefined
      const stored =
        claims === undefined || ownId
          ? sender.send(channel.subject, headers, payload, ownBudgetMs)
          : track(publishClaimed(claims, prepared, publishOptions.ttlSeconds))
      return stored.then((ack) => toReceipt(channel, id, ack, ownId))
    },
    publishMany: (channel, messages, manyOptions) =>
      closed ? Promise.reject(closedError()) : track(publishMany(channel, messages, manyOptions)),
    publishStream: (channel, messages, streamOptions) => streams.publish(channel, messages, streamOptions),
    schedule(channel, message, when, scheduleOptions) {
      if (isRelaying) relays.get(channel)?.start()
      return scheduler.schedule(channel, message, when, scheduleOptions)
    },
    replace: scheduler.replace,
    cancel: scheduler.cancel,
    schedules: scheduler.schedules,
    startSchedules() {
      if (closed || isRelaying) return
      isRelaying = true
      if (options.app) for (const relay of relays.values()) relay.start()
    },
    checks: () => [health.check(), ...[...relays.values()].flatMap((relay) => relay.checks())],
    async close() {
      closed = true
      await Promise.all([...[...relays.values()].map((relay) => relay.stop()), scheduler.close()])
      await relaySender.close()
      const streamsClosed = streams.close()
      await Promise.allSettled([...claimed])
      await Promise.all([streamsClosed, sender.close(), batches.close(), claims?.close()])
      health.close()
    },
  }
  const tracer = findTracer()
  return tracer ? traceStoring(publisher, tracer, connection) : publisher
}
