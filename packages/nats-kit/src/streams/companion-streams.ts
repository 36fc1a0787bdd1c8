import type { Channel, Stream } from '@alarm-bus/contracts'
import { DiscardPolicy, RetentionPolicy, StorageType } from '@nats-io/jetstream'
import { dueSubject, schedulesStreamName, scheduleSubject } from '../schedules/schedule-subjects.ts'
import { answerFilter, answerStreamName } from './answer-stream.ts'
import { onceBucketName, onceStreamName } from './once-bucket.ts'
import { withTag } from './stream-tag.ts'
import { type DeclaredStreamConfig, toStreamConfig } from './to-stream-config.ts'

const MINUTE_NS = 60 * 1_000_000_000
const DAY_NS = 24 * 60 * MINUTE_NS

/** Longer than every retry of a publish may take: a claim never ends before the id it guards. */
export const CLAIM_MARGIN_MS = 60_000

const MIB = 1024 * 1024

/** How many of the largest dead letters fit in any case. */
const FEWEST_DEAD_LETTERS = 16
/** A dead letter is its message with headers that say what happened: at most so many times its bytes. */
const DEAD_LETTER_GROWTH = 2

/** What a dead letter adds to its message at most: headers, and the bytes that the server puts around both. */
const DEAD_LETTER_HEADER_BYTES = 32 * 1024

/** For so many consumers of a stream each share fits, with letters of the largest size. */
const CONSUMERS_WITH_SHARES = 64
const MAX_SHARE_LETTERS = 1_000

/** What a schedule adds to its message at most: headers, the caller's among them. */
const SCHEDULE_HEADER_BYTES = 8 * 1024
const MAX_SCHEDULES = 100_000

/** How long a dead letter waits for a person to look at it. */
const DEAD_LETTER_AGE_NS = 28 * DAY_NS

/** How often a dead letter is sent again unless another number is given. */
export const DEFAULT_MAX_REDRIVES = 3

/** Where the dead letters of a stream are stored. */
export function deadLetterStreamName(stream: string): string {
  return `${stream}_DLQ`
}

/**
 * `dead-letter.<stream>.<consumer>.<sequence>.<nanoseconds when it was stored>`: one subject for each message and
 * consumer, so the broker can be asked to keep one letter of it whichever way it comes. The time tells messages of one
 * sequence apart when a stream was recreated. Each app may publish its own consumers' letters and no others.
 */
export function deadLetterSubject(stream: string, consumer: string, seq: number | string, storedNanos: string): string {
  return `dead-letter.${stream}.${consumer}.${seq}.${storedNanos}`
}

/**
 * What does not fit into a letter together with its headers: `<subject of the letter>.<first byte>-<byte after the last>`.
 * Stored before the letter, and no letter by itself.
 */
export function deadLetterPartSubject(
  stream: string,
  consumer: string,
  seq: number | string,
  storedNanos: string,
  range: string,
): string {
  return `${deadLetterSubject(stream, consumer, seq, storedNanos)}.${range}`
}

/** Where a consumer's dead letters go while that stream is full. */
export function deadLetterSharesStreamName(stream: string): string {
  return `${stream}_DLQ_SHARES`
}

/**
 * `dead-letter-share.<stream>.<consumer>`: one subject for each consumer, because the server bounds a stream's messages by
 * subject. So no consumer can take the room of another.
 */
export function deadLetterShareSubject(stream: string, consumer: string): string {
  return `dead-letter-share.${stream}.${consumer}`
}

/** Where dead letters wait that were sent again, each for the one consumer that had failed. */
export function redriveStreamName(stream: string): string {
  return `${stream}_REDRIVE`
}

/** Who reads the redriven messages of a consumer, and what it is held to. */
export function redriveConsumerName(consumer: string): string {
  return `${consumer}_redrive`
}

export function redriveFilter(stream: string, consumer: string): string {
  return `redrive.${stream}.${consumer}.>`
}

/**
 * `redrive.<stream>.<consumer>.<sequence>.<nanoseconds when the original was stored>.<how often it was redriven>`: one
 * subject for each copy of a message, so a copy that still waits is not stored a second time.
 */
export function redriveSubject(
  stream: string,
  consumer: string,
  seq: number | string,
  storedNanos: string,
  redrives: number,
): string {
  return `redrive.${stream}.${consumer}.${seq}.${storedNanos}.${redrives}`
}

/** Where the fingerprints behind idempotency keys are stored. */
export function idempotencyStreamName(stream: string): string {
  return `${stream}_IDEMPOTENCY`
}

/** `idempotency.<stream>.<hash of the key>`. */
export function idempotencySubject(stream: string, keyHash: string): string {
  return `idempotency.${stream}.${keyHash}`
}

/** Where the last message on one subject of those is asked for. */
export function idempotencyLookupSubject(stream: string, subject: string): string {
  return `$JS.API.DIRECT.GET.${idempotencyStreamName(stream)}.${subject}`
}

/**
 * What a stream's companions may grow to, in bytes and messages. The server reserves `max_bytes` of each in its account,
 * so it follows from the stream's `maxBytes`, with a floor for what a small stream needs too, and a cap.
 *
 * | companion | bytes | from | to | messages |
 * |---|---|---|---|---|
 * | `_DLQ` | 4 × `maxBytes`: dead letters of several consumers and of four weeks | 16 of the largest dead letters, of 2 × `maxMessageBytes` each | 1 GiB | `maxMessages`, from 10,000 to 100,000 |
 * | `_DLQ_SHARES` | as `_DLQ` | | | for each consumer as many of the largest as fit for 64 of them, from 1 to 1,000 |
 * | `_REDRIVE` | `maxBytes` | the same | 256 MiB | as many as `_DLQ` |
 * | `_ANSWERS`, where the stream has requests | `maxBytes` | 16 MiB | 256 MiB | not limited |
 * | `_SCHEDULES_…`, one for each scheduled channel | `maxBytes` | 32 of the largest schedules | 512 MiB | as many of the largest as fit, to 200,000; half of them waiting |
 * | `_IDEMPOTENCY`, `KV_…_ONCE` | 4 × `maxBytes`: small records of messages, of which most are no longer in the stream | 16 MiB | 256 MiB | claims: one for each 256 bytes, to 1,000,000; records: not limited |
 *
 * A stream of 1 MiB and messages of 128 KiB so asks for 44 MiB beside itself, one of 256 MiB and more for 2.75 GiB.
 */
function companionLimits({ maxBytes, maxMessages, maxMessageBytes }: Stream) {
  const fewest = FEWEST_DEAD_LETTERS * DEAD_LETTER_GROWTH * maxMessageBytes
  const recordBytes = between(16 * MIB, 4 * maxBytes, 256 * MIB)
  const deadLetterBytes = between(fewest, 4 * maxBytes, 1_024 * MIB)
  const largestLetter = maxMessageBytes + DEAD_LETTER_HEADER_BYTES
  return {
    deadLetterBytes,
    largestLetter,
    share: between(1, Math.floor(deadLetterBytes / CONSUMERS_WITH_SHARES / largestLetter), MAX_SHARE_LETTERS),
    answerBytes: between(16 * MIB, maxBytes, 256 * MIB),
    redriveBytes: between(fewest, maxBytes, 256 * MIB),
    deadLetters: between(10_000, maxMessages, 100_000),
    recordBytes,
    claims: Math.min(1_000_000, Math.floor(recordBytes / 256)),
  }
}

/**
 * How many messages of a channel may wait at once. The server has no stream of schedules that refuses what is too much: it
 * would drop the oldest, which was acknowledged. So the kit refuses, at half of what the stream holds; the other half is
 * for what is due and not delivered, and for instances that count at the same time.
 */
export function scheduleLimits({ maxBytes }: Stream, { maxMessageBytes }: Channel) {
  const largest = maxMessageBytes + SCHEDULE_HEADER_BYTES
  const bytes = between(2 * FEWEST_DEAD_LETTERS * largest, maxBytes, 512 * MIB)
  const waiting = Math.max(1, Math.min(MAX_SCHEDULES, Math.floor(bytes / largest / 2)))
  return { bytes, largest, waiting }
}

/** The cap counts before the floor. */
function between(least: number, wanted: number, most: number): number {
  return Math.min(most, Math.max(least, wanted))
}

/**
 * A declared stream together with those that the kit keeps beside it: its dead letters, kept for four weeks so that
 * nobody has to hurry; the claims behind idempotency keys; the
 * dead letters that were sent again; which messages were handled; the messages of each scheduled channel that wait for
 * their time; a share of each consumer's for when the dead letters' stream, which all apps have in common, is full; and
 * the answers to its stored requests. Each says in its metadata who owns it and which configuration it was made of.
 */
export function withCompanions(stream: Stream, replicas?: number): readonly DeclaredStreamConfig[] {
  const main = toStreamConfig(stream, replicas)
  const limits = companionLimits(stream)
  const shared = {
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    num_replicas: main.num_replicas,
    allow_msg_ttl: false,
    max_msg_size: -1,
  }
  const all: readonly DeclaredStreamConfig[] = [
    main,
    {
      ...shared,
      name: deadLetterStreamName(stream.name),
      description: `Messages of ${stream.name} that could not be handled.`,
      subjects: [`dead-letter.${stream.name}.>`],
      // A full store refuses the next dead letter, loudly, rather than drop one that has not been read.
      discard: DiscardPolicy.New,
      max_age: DEAD_LETTER_AGE_NS,
      max_msgs: limits.deadLetters,
      max_bytes: limits.deadLetterBytes,
      duplicate_window: 10 * MINUTE_NS,
      allow_direct: false,
      max_msgs_per_subject: -1,
    },
    {
      ...shared,
      name: idempotencyStreamName(stream.name),
      description: `Fingerprints of what was published to ${stream.name} under an idempotency key.`,
      subjects: [idempotencySubject(stream.name, '*')],
      // A full store refuses the next claim: a forgotten one would let another body pass under the same key.
      discard: DiscardPolicy.New,
      max_age: main.duplicate_window + CLAIM_MARGIN_MS * 1_000_000,
      max_msgs: limits.claims,
      max_bytes: limits.recordBytes,
      duplicate_window: main.duplicate_window,
      allow_direct: true,
      max_msgs_per_subject: 1,
    },
    {
      ...shared,
      name: redriveStreamName(stream.name),
      description: `Dead letters of ${stream.name} that were sent again, for the consumer that failed.`,
      subjects: [`redrive.${stream.name}.>`],
      // Each message has one reader, and goes when that one is done with it: handled, or a dead letter again.
      retention: RetentionPolicy.Workqueue,
      // Its letter is gone, so it waits without end for an app that is away, and a full stream refuses the next one.
      discard: DiscardPolicy.New,
      max_age: 0,
      max_msgs: limits.deadLetters,
      max_bytes: limits.redriveBytes,
      duplicate_window: 10 * MINUTE_NS,
      allow_direct: false,
      max_msgs_per_subject: -1,
    },
    {
      ...shared,
      name: onceStreamName(stream.name),
      description: `Which messages of ${stream.name} were handled, and what apps note of their consumers.`,
      subjects: [`$KV.${onceBucketName(stream.name)}.>`],
      // A record that is dropped would let a message be handled again, so a full bucket refuses the next one.
      discard: DiscardPolicy.New,
      // The last delivery there can be: a message at the end of its time, and as often as it is redriven a letter at the
      // end of its own.
      max_age: main.max_age + (1 + DEFAULT_MAX_REDRIVES) * DEAD_LETTER_AGE_NS,
      max_msgs: -1,
      max_bytes: limits.recordBytes,
      // What is noted of a consumer: runs that may end a process, and thousands of deliveries that never ran.
      max_msg_size: 64 * 1024,
      duplicate_window: main.duplicate_window,
      allow_direct: true,
      // The claim of a process that died ends by its own time.
      allow_msg_ttl: true,
      max_msgs_per_subject: 1,
    },
    {
      ...shared,
      name: deadLetterSharesStreamName(stream.name),
      description: `Dead letters of ${stream.name}, a few of each consumer, for which ${deadLetterStreamName(stream.name)} had no room.`,
      subjects: [deadLetterShareSubject(stream.name, '*')],
      // What one consumer has too many is refused, and takes nothing from the others.
      discard: DiscardPolicy.New,
      discard_new_per_subject: true,
      max_msgs_per_subject: limits.share,
      max_age: DEAD_LETTER_AGE_NS,
      max_msgs: -1,
      max_bytes: limits.deadLetterBytes,
      max_msg_size: limits.largestLetter,
      duplicate_window: 10 * MINUTE_NS,
      allow_direct: false,
    },
    ...(stream.requests.length === 0
      ? []
      : [
          {
            ...shared,
            name: answerStreamName(stream.name),
            description: `Answers to the stored requests of ${stream.name}.`,
            subjects: [answerFilter(stream.name)],
            // An answer that is dropped would let its request be answered once more, so a full stream refuses the next one.
            discard: DiscardPolicy.New,
            // Each goes by its own time, keepReplyMs.
            max_age: Math.max(...stream.requests.map(({ stored }) => stored?.keepReplyMs ?? 0)) * 1_000_000,
            max_msgs: -1,
            max_bytes: limits.answerBytes,
            duplicate_window: Math.min(main.duplicate_window, MINUTE_NS),
            allow_direct: true,
            allow_msg_ttl: true,
            max_msgs_per_subject: 1,
          },
        ]),
    ...stream.scheduled.map((channel) => schedulesOf(stream, channel, shared)),
  ]
  return all.map((config) => withTag(config, stream))
}

/** A stream for each channel: who may schedule in a stream may end and replace every schedule that it holds. */
function schedulesOf(
  stream: Stream,
  channel: Channel,
  shared: Pick<DeclaredStreamConfig, 'storage' | 'num_replicas'>,
): DeclaredStreamConfig {
  const { bytes, largest, waiting } = scheduleLimits(stream, channel)
  return {
    ...shared,
    name: schedulesStreamName(stream.name, channel.name),
    description: `Messages of ${channel.name} that wait for their time, and those that are due.`,
    subjects: [
      scheduleSubject(stream.name, channel.name, '*', '*', '*'),
      dueSubject(stream.name, channel.name, '*', '*'),
    ],
    // What is due goes once it was published; what waits has no consumer, and stays.
    retention: RetentionPolicy.Workqueue,
    // The server has no schedules in a stream that discards the new; see `scheduleLimits`.
    discard: DiscardPolicy.Old,
    max_age: 0,
    max_msgs: 2 * waiting,
    max_bytes: bytes,
    max_msg_size: largest,
    duplicate_window: stream.duplicateWindowMs * 1_000_000,
    // That a schedule was cancelled is remembered for a while.
    allow_msg_ttl: true,
    allow_direct: true,
    allow_msg_schedules: true,
    max_msgs_per_subject: 1,
  }
}
