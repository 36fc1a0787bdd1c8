import { setTimeout as sleep } from 'node:timers/promises'
import type { Channel, Contracts } from '@alarm-bus/contracts'
import { firstValue, readHeaderBlock } from '../codec/header-block.ts'
import { ScheduleHeader } from '../codec/headers.ts'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { DirectBatches } from '../reading/direct-batches.ts'
import type { StoredFrame } from '../reading/stored-frame.ts'
import { type SchedulePlace, schedulePlaces } from './schedule-place.ts'
import { schedulesOfChannel } from './schedule-subjects.ts'
import { readWhen } from './schedule-when.ts'
import type { WaitingMessage } from './scheduler.ts'

const BATCH_MESSAGES = 256
const BATCH_BYTES = 1024 * 1024
const RETRY_MS = 200
/** An answer that stays away for this long ends the list. */
const PATIENCE_MS = 15_000

/** @throws KitError `permission_denied`, `broker_unavailable`. */
export async function* listSchedules<C extends Channel>(
  connection: Connection,
  place: SchedulePlace,
  channel: C,
): AsyncGenerator<WaitingMessage<C>, void> {
  const batches = new DirectBatches(connection, place.schedules)
  const subject = schedulesOfChannel(place.stream, channel.name)
  let seq = 1
  let endsAt = performance.now() + PATIENCE_MS
  try {
    for (;;) {
      const { messages, outcome } = await batches.next({
        batch: BATCH_MESSAGES,
        max_bytes: BATCH_BYTES,
        next_by_subj: subject,
        seq,
      })
      for (const frame of messages) {
        seq = frame.seq + 1
        const waiting = readWaiting(frame, channel)
        if (waiting) yield waiting
      }
      if (outcome === 'none' || (outcome === 'end' && messages.length === 0)) return
      if (messages.length > 0) endsAt = performance.now() + PATIENCE_MS
      else if (performance.now() > endsAt)
        throw new KitError(KitErrorCode.BrokerUnavailable, `stream ${place.schedules} does not answer`)
      else await sleep(RETRY_MS)
    }
  } finally {
    batches.close()
  }
}

/** Undefined for what was cancelled, and for what no kit wrote. */
function readWaiting<C extends Channel>(frame: StoredFrame, channel: C): WaitingMessage<C> | undefined {
  const block = readHeaderBlock(frame.headerBytes)
  const id = firstValue(block, ScheduleHeader.Id)
  const pattern = firstValue(block, ScheduleHeader.Schedule)
  const when = readWhen(firstValue(block, ScheduleHeader.When) ?? '')
  if (id === undefined || pattern === undefined || when === undefined) return undefined
  return {
    id,
    channel,
    when,
    at: pattern.startsWith('@at ') ? new Date(pattern.slice(4)) : undefined,
    scheduledAt: frame.storedAt,
    message: readJson(frame.data),
  }
}

function readJson(data: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(data).toString())
  } catch {
    return undefined
  }
}

/**
 * What waits on a channel, whichever app scheduled it, in the order it was scheduled in; 256 are fetched at a time. It
 * changes nothing, and takes the right to read the stream of schedules, which `operatesBus` in a declaration gives.
 *
 * @throws KitError `schedules_disabled` for a channel that its stream does not list as `scheduled`; `permission_denied`,
 * `broker_unavailable`.
 */
export function listWaiting<C extends Channel>(
  connection: Connection,
  contracts: Contracts,
  channel: C,
): AsyncGenerator<WaitingMessage<C>, void> {
  const place = schedulePlaces(contracts, undefined).get(channel)
  if (!place)
    throw new KitError(KitErrorCode.SchedulesDisabled, `channel ${JSON.stringify(channel.name)} cannot be scheduled`)
  return listSchedules(connection, place, channel)
}
