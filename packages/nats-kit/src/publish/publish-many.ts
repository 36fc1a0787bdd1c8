import { randomUUID } from 'node:crypto'
import type { Channel, MessageInputOf } from '@alarm-bus/contracts'
import { encodeJson } from '../codec/json-codec.ts'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import type { Batch } from './batch-inbox.ts'
import type { BatchSender } from './batch-sender.ts'
import type { Claims } from './claims.ts'
import { indexedError } from './indexed-error.ts'
import { type RouteOf, sharedHeaderLines } from './message-route.ts'
import { budgetOf, messageIdOf } from './publish-options.ts'
import type { BatchReceipt, PublishManyOptions, StoredPublisher } from './publisher.ts'

/** The server's own limit, unless its operator lowers it. */
export const MAX_BATCH_MESSAGES = 1_000

export interface PublishManyParts {
  readonly batches: BatchSender
  /** Given: ids of a caller's are claimed before the batch is sent. */
  readonly claims: Claims | undefined
  readonly budgetMs: number
}

/** Publishes batches over a sender; see {@link StoredPublisher} for what it guarantees. */
export function createPublishMany(
  connection: Connection,
  routeOf: RouteOf,
  { batches, claims, budgetMs }: PublishManyParts,
): StoredPublisher['publishMany'] {
  return async (channel, messages, options) => {
    let batch: Batch
    let endsAt: number
    try {
      endsAt = performance.now() + budgetOf(options, budgetMs)
      batch = prepareBatch(channel, messages, routeOf, options)
    } catch (error) {
      throw KitError.from(error)
    }
    if (claims && !batch.ownIds) await claims.holdAll(batch.route, batch.messages, options?.ttlSeconds, endsAt)
    const { lastSeq, known, attempts } = await batches.send(batch, endsAt)
    const count = batch.messages.length
    const ids = batch.messages.map(({ id }) => id)
    const firstSeq = lastSeq - count + 1
    // Fresh ids can only meet an earlier attempt of their own: the messages were stored once, by this call.
    const duplicate = known && !batch.ownIds
    const receipt: BatchReceipt = { count, stream: batch.route.stream, firstSeq, lastSeq, ids, duplicate }
    if (known) report(connection, channel, receipt, attempts)
    return receipt
  }
}

function prepareBatch<C extends Channel>(
  channel: C,
  messages: readonly MessageInputOf<C>[],
  routeOf: RouteOf,
  options: PublishManyOptions | undefined,
): Batch {
  const route = routeOf(channel)
  if (messages.length === 0 || messages.length > MAX_BATCH_MESSAGES) {
    throw invalidBatch(`a batch has 1 to ${MAX_BATCH_MESSAGES} messages, not ${messages.length}`)
  }
  const ids = options?.ids
  if (ids !== undefined && ids.length !== messages.length) {
    throw invalidBatch(`${messages.length} messages need as many ids, not ${ids.length}`)
  }
  const sharedLines = sharedHeaderLines(route, options)
  const prepared = messages.map((message, index) => {
    try {
      const payload = encodeJson(channel, message)
      return { payload, id: ids === undefined ? randomUUID() : messageIdOf({ id: ids[index] as string }) }
    } catch (error) {
      throw indexedError(error, index)
    }
  })
  if (ids !== undefined) refuseRepeatedIds(ids)
  return { route, sharedLines, messages: prepared, ownIds: ids === undefined }
}

/** The broker would refuse the batch without saying which id it was. */
function refuseRepeatedIds(ids: readonly string[]): void {
  const seen = new Set<string>()
  for (const [index, id] of ids.entries()) {
    if (seen.has(id)) {
      const why = 'an earlier message of the batch has the same id, and the broker stores one message of an id'
      throw indexedError(new KitError(KitErrorCode.InvalidMessageId, why), index)
    }
    seen.add(id)
  }
}

function invalidBatch(why: string): KitError {
  return new KitError(KitErrorCode.InvalidBatch, `${why}; nothing was sent`)
}

function report(connection: Connection, channel: Channel, receipt: BatchReceipt, attempts: number): void {
  const { logger, events } = connection
  const { duplicate, ids, ...detail } = receipt
  const fields = { channel: channel.name, ...detail }
  if (!duplicate) {
    return logger.info({ event: 'retryMetItself', attempts, ...fields }, 'an earlier attempt had stored the batch')
  }
  logger.info({ event: 'duplicateDetected', ...fields }, 'a batch of these ids is stored already')
  for (const [index, id] of ids.entries()) {
    events.emit('duplicateDetected', { channel: channel.name, id, stream: detail.stream, seq: detail.firstSeq + index })
  }
}
