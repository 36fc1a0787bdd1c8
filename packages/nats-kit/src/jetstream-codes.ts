import { JetStreamApiCodes } from '@nats-io/jetstream'

/**
 * The error codes of JetStream that the kit decides by (`err_code` in an answer, `code` of a `JetStreamApiError`); the
 * client's own where it names them. Seen on nats-server 2.15.1.
 */
export const JetStreamCode = {
  /** The account has stored as much as it may (status 400). */
  AccountResourcesExceeded: 10_002,
  ConsumerNotFound: JetStreamApiCodes.ConsumerNotFound,
  /** A consumer of that name is there with another configuration; from older servers, and from newer ones. */
  ConsumerNameTaken: 10_013,
  ConsumerExists: 10_148,
  MessageNotFound: JetStreamApiCodes.NoMessageFound,
  /** The same, of a sequence that the stream does not hold. */
  SequenceNotFound: 10_043,
  /** The same, of a message that another request removes at the moment. */
  MessageDeleteFailed: 10_057,
  MessageTooLarge: 10_054,
  StreamNotFound: JetStreamApiCodes.StreamNotFound,
  /** A stream of that name is there with another configuration. */
  StreamNameTaken: 10_058,
  /** The subject's last message is not the one that was expected; the answer names it. */
  WrongLastSequence: JetStreamApiCodes.StreamWrongLastSequence,
  /** The headers exceed 64 KiB. */
  HeaderTooLarge: 10_097,
  /** An earlier attempt of the same id is being stored: its leader has not heard from a quorum yet. */
  DuplicateInProcess: 10_158,
  /** The same of a subject: which message will be its last is not known yet. */
  LastSequenceUnknown: JetStreamApiCodes.StreamWrongLastSequenceUnknown,
  /** The message names another stream than the one that it came to, which says its name. */
  StreamMismatch: 10_060,
  /** The stream is full, of messages, bytes or messages of the subject, and discards the new. */
  StreamFull: 10_077,
  TtlInvalid: 10_165,
  TtlDisabled: 10_166,
  AtomicBatchDisabled: 10_174,
  /** A message of the batch did not arrive, was refused on its own, or the broker gave the batch up. */
  BatchIncomplete: 10_176,
  /** The stream has no schedules. */
  SchedulesDisabled: 10_188,
  /** A cron expression, an interval or a time that the server cannot read. */
  SchedulePatternInvalid: 10_189,
  ScheduleTimeZoneInvalid: 10_223,
  /** A header that no batch may have. */
  BatchHeaderUnsupported: 10_177,
  /** The batch has more messages than this server's operator allows. */
  BatchTooLong: 10_199,
  /** The batch holds an id that is stored already; nothing of it was stored. */
  BatchHasKnownId: 10_201,
  IngestDisabled: 10_205,
  /** The broker gave the ingest up: it was quiet for too long, or the stream was changed or made anew. */
  IngestUnknown: 10_208,
  /** As many as the server allows are under way; nothing of this one was stored. */
  TooManyBatches: 10_210,
  TooManyIngests: 10_211,
} as const

/** What the server answers in place of an ack: an HTTP-like status, its own code, a text. */
export interface JetStreamFailure {
  readonly code?: number
  readonly err_code?: number
  readonly description?: string
}

/** Transient in spite of their status, 400 and 409. */
const TRANSIENT: ReadonlySet<number> = new Set([
  JetStreamCode.AccountResourcesExceeded,
  JetStreamCode.DuplicateInProcess,
  JetStreamCode.LastSequenceUnknown,
])

/**
 * Whether the same request can succeed later: the one place that decides what is retried, for publishes, claims, records,
 * dead letters and redrives alike. The server says 503 for no leader (10008), too few resources (10023) and a stream
 * that is full and discards the new (10077), 429 when it is asked too much.
 *
 * A full disk and a lost quorum have no code of their own: the server answers nothing, then says `DuplicateInProcess` or
 * `LastSequenceUnknown` to the next attempt, then that there are no responders.
 */
export function isTransient({ code, err_code: jetStreamCode = 0 }: JetStreamFailure): boolean {
  return code === 503 || code === 429 || TRANSIENT.has(jetStreamCode)
}
