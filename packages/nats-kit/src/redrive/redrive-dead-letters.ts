import { JetStreamApiError, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { JetStreamCode } from '../jetstream-codes.ts'
import { StoredSender } from '../publish/stored-sender.ts'
import { DEFAULT_MAX_REDRIVES, redriveConsumerName, redriveStreamName } from '../streams/companion-streams.ts'
import { unanswered } from '../streams/unanswered.ts'
import { type DeadLetterEntry, SHARES_FROM, type StoredDeadLetter } from '../dead-letters/dead-letter-entry.ts'
import { checkFilter, type DeadLetterFilter } from '../dead-letters/dead-letter-filter.ts'
import { DeadLetterStore } from '../dead-letters/dead-letter-store.ts'
import { matchingLetters } from '../dead-letters/list-dead-letters.ts'
import { type Clock, paceOf, SYSTEM_CLOCK } from './pace.ts'
import { RedriveRoom } from './redrive-room.ts'
import { nextSubject, redriveBytes, redriveHeaders } from './redriven-message.ts'

const DEFAULT_RATE_PER_SECOND = 10
const MAX_RATE_PER_SECOND = 10_000
/** The server's own. */
const DEFAULT_MAX_PAYLOAD = 1_048_576
const NOT_FOUND: ReadonlySet<number> = new Set([JetStreamCode.ConsumerNotFound, JetStreamCode.StreamNotFound])

/** Why a letter was left where it is. */
export const RedriveSkip = {
  /** It was redriven as often as `maxRedrives` allows: it would go round for ever. */
  LimitReached: 'limit_reached',
  /** The original left its stream before it could be kept, so there is nothing to send. */
  OriginalLost: 'original_lost',
  /** Nothing reads what is redriven to this consumer: its app has not run since, or the consumer was removed. */
  NoReader: 'no_reader',
  /** The stream of redriven messages is half full, and this consumer has not read its part of the rest. */
  ReaderBehind: 'reader_behind',
  /** The broker does not take the message. */
  Refused: 'refused',
} as const
export type RedriveSkip = (typeof RedriveSkip)[keyof typeof RedriveSkip]

/**
 * What became of one letter, or with `dryRun` would.
 *
 * - `redriven`: its message was stored for the consumer, then the letter was removed.
 * - `finished`: an earlier run had sent its message and not removed it. It was removed now and sent no second time.
 * - `skipped`: it is where it was.
 */
export type RedriveOutcome =
  | { readonly action: 'redriven' | 'finished'; readonly letter: DeadLetterEntry }
  | {
      readonly action: 'skipped'
      readonly why: RedriveSkip
      readonly detail?: string
      readonly letter: DeadLetterEntry
    }

export interface RedriveOptions {
  /** Look, and change nothing. Default true. */
  readonly dryRun?: boolean
  /** Messages sent a second at most, evenly spread. Default 10. */
  readonly ratePerSecond?: number
  /** A message that was redriven so often is left alone. Default 3. */
  readonly maxRedrives?: number
  /** Told of each letter as soon as it is done with. */
  readonly onOutcome?: (outcome: RedriveOutcome) => void
  /** Only a test gives its own. */
  readonly clock?: Clock
}

export interface RedriveReport {
  readonly dryRun: boolean
  readonly redriven: number
  readonly finished: number
  /** How many letters were left, for each reason there was. */
  readonly skipped: Partial<Record<RedriveSkip, number>>
}

/**
 * Sends dead letters once more, each to the one consumer that had failed; others of the fan-out do not see it.
 *
 * - Stored first: a letter is removed when the broker holds its message again.
 * - Sent once: a run that ended between the two is made up for by the next. Its message has the same id, and is not
 *   stored again while the earlier copy waits, has failed again, or was sent within ten minutes.
 * - Letters that are stored after it began are not part of it, so a failing consumer makes no loop of one run.
 *
 * @throws KitError `invalid_options`, `stream_missing`, `permission_denied` or `broker_unavailable`; what was done
 * before stays done, and `onOutcome` has heard of it.
 */
export async function redriveDeadLetters(
  connection: Connection,
  stream: string,
  filter: DeadLetterFilter = {},
  options: RedriveOptions = {},
): Promise<RedriveReport> {
  const { dryRun = true, ratePerSecond = DEFAULT_RATE_PER_SECOND, maxRedrives = DEFAULT_MAX_REDRIVES } = options
  checkFilter(filter)
  checkOptions(ratePerSecond, maxRedrives)
  const store = await DeadLetterStore.open(connection, stream)
  const manager = await jetstreamManager(connection.client, { checkAPI: false, timeout: 5_000 })
  const room = new RedriveRoom(manager, stream, connection.client.info?.max_payload ?? DEFAULT_MAX_PAYLOAD)
  const readers = new Map<string, boolean>()
  const turn = paceOf(ratePerSecond, options.clock ?? SYSTEM_CLOCK)
  const sender = dryRun ? undefined : new StoredSender(connection, { maxInFlight: 1 })
  const counts = { redriven: 0, finished: 0 }
  const skipped: Partial<Record<RedriveSkip, number>> = {}
  const done = (outcome: RedriveOutcome): void => {
    if (outcome.action === 'skipped') skipped[outcome.why] = (skipped[outcome.why] ?? 0) + 1
    else counts[outcome.action]++
    options.onOutcome?.(outcome)
  }
  try {
    for await (const letter of matchingLetters(store, filter)) {
      const { entry } = letter
      const why = await reasonToSkip(manager, entry, maxRedrives, readers)
      if (why) done({ action: 'skipped', why, letter: entry })
      else if (await failedAgain(store, entry)) {
        if (sender) await store.remove(letter, false)
        done({ action: 'finished', letter: entry })
      } else if (sender) {
        await turn()
        if (await hasRoom(room, entry)) done(await redrive(store, sender, letter))
        else done({ action: 'skipped', why: RedriveSkip.ReaderBehind, letter: entry })
      } else done({ action: 'redriven', letter: entry })
    }
  } finally {
    await sender?.close()
  }
  return { dryRun, ...counts, skipped }
}

function checkOptions(ratePerSecond: number, maxRedrives: number): void {
  if (!(ratePerSecond > 0 && ratePerSecond <= MAX_RATE_PER_SECOND)) {
    throw invalid(`ratePerSecond must be above 0 and at most ${MAX_RATE_PER_SECOND}, not ${ratePerSecond}`)
  }
  if (!Number.isSafeInteger(maxRedrives) || maxRedrives < 1) {
    throw invalid(`maxRedrives must be a whole number from 1, not ${maxRedrives}`)
  }
}

function invalid(why: string): KitError {
  return new KitError(KitErrorCode.InvalidOptions, `dead letters cannot be redriven: ${why}`)
}

async function reasonToSkip(
  manager: JetStreamManager,
  entry: DeadLetterEntry,
  maxRedrives: number,
  readers: Map<string, boolean>,
): Promise<RedriveSkip | undefined> {
  if (entry.lost) return RedriveSkip.OriginalLost
  if (entry.redrives >= maxRedrives) return RedriveSkip.LimitReached
  let reads = readers.get(entry.consumer)
  if (reads === undefined) {
    reads = await hasReader(manager, entry)
    readers.set(entry.consumer, reads)
  }
  return reads ? undefined : RedriveSkip.NoReader
}

/** Without its reader a message would wait unseen, and its letter would be gone. */
async function hasReader(manager: JetStreamManager, { original, consumer }: DeadLetterEntry): Promise<boolean> {
  const name = redriveConsumerName(consumer)
  try {
    await manager.consumers.info(redriveStreamName(original.stream), name)
    return true
  } catch (error) {
    if (error instanceof JetStreamApiError && NOT_FOUND.has(error.code)) return false
    throw unanswered(`consumer ${name} cannot be looked up`, error)
  }
}

async function hasRoom(room: RedriveRoom, { consumer }: DeadLetterEntry): Promise<boolean> {
  try {
    return await room.has(consumer)
  } catch (error) {
    throw unanswered(`whether there is room for redriven messages of ${consumer} cannot be looked up`, error)
  }
}

/**
 * Whether a later letter says that this one's message was sent, and failed again. Of two letters of one failure, of which
 * one is in the consumer's share because the end of its message was lost on the way, the other one stands.
 */
async function failedAgain(store: DeadLetterStore, entry: DeadLetterEntry): Promise<boolean> {
  const others = await store.others(entry)
  return others.some(
    ({ original, redrives, seq }) =>
      // Another time is another message, of a recreated stream that counts from one again.
      original.storedNanos === entry.original.storedNanos &&
      (redrives > entry.redrives || (redrives === entry.redrives && entry.seq > SHARES_FROM && seq < SHARES_FROM)),
  )
}

/** Stores the message for its consumer, and only then removes the letter. */
async function redrive(
  store: DeadLetterStore,
  sender: StoredSender,
  letter: StoredDeadLetter,
): Promise<RedriveOutcome> {
  const { entry } = letter
  let action: 'redriven' | 'finished' = 'redriven'
  try {
    const ack = await sender.send(nextSubject(entry), redriveHeaders(letter), redriveBytes(letter))
    // A second attempt is answered so when the first was stored and its ack lost.
    if (ack.duplicate && ack.attempts === 1) action = 'finished'
  } catch (error) {
    if (KitError.is(error) && error.brokerCode === JetStreamCode.WrongLastSequence) action = 'finished'
    else if (KitError.is(error, KitErrorCode.PublishRejected) || KitError.is(error, KitErrorCode.MessageTooLarge)) {
      return { action: 'skipped', why: RedriveSkip.Refused, detail: error.message, letter: entry }
    } else throw error
  }
  try {
    await store.remove(letter, false)
  } catch (error) {
    const { code, message } = KitError.from(error)
    throw new KitError(code, `letter ${entry.seq} was redriven, but not removed; the next run removes it: ${message}`, {
      cause: error,
    })
  }
  return { action, letter: entry }
}
