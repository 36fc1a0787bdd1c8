import { inspect } from 'node:util'
import type { MessageIssue } from '@alarm-bus/contracts'

/** What went wrong, for code to decide by; the text of an error is for people. */
export const KitErrorCode = {
  /** An option cannot work; nothing was started. */
  InvalidOptions: 'invalid_options',
  /** The message does not match its channel's schema, or has a field the schema does not know. */
  InvalidMessage: 'invalid_message',
  /** The message id is empty, too long or has control characters. */
  InvalidMessageId: 'invalid_message_id',
  /** The time to live is not a whole number of seconds from 1. */
  InvalidTtl: 'invalid_ttl',
  /** A header's name or value cannot be sent, or the name belongs to the kit or the broker. */
  InvalidHeader: 'invalid_header',
  /** The encoded message is larger than its channel or the broker allows. */
  MessageTooLarge: 'message_too_large',
  /** As many messages as allowed wait for the broker's ack already. */
  TooManyInFlight: 'too_many_in_flight',
  /** No ack within the budget: away, without a leader, or full. The message may still have been stored; retry with the same id. */
  BrokerUnavailable: 'broker_unavailable',
  /** The broker refused the message for good. */
  PublishRejected: 'publish_rejected',
  /** A batch is empty, longer than allowed, or has not one id a message; nothing was sent. */
  InvalidBatch: 'invalid_batch',
  /** Some of a batch's ids are stored already, so the batch as a whole was not. */
  BatchConflict: 'batch_conflict',
  /** The stream does not allow atomic batches, or fast ingest; `ensureStreams` turns both on. */
  BatchesDisabled: 'batches_disabled',
  /** The broker has as many batches under way as it allows; nothing of this one was stored. */
  TooManyBatches: 'too_many_batches',
  /** What yields the messages of `publishStream` threw; `cause` has it, `stored` how far it came. */
  SourceFailed: 'source_failed',
  /** The caller's signal ended it; of `publishStream`, `stored` says how far it came. */
  Aborted: 'aborted',
  /** The same idempotency key came with another message. */
  IdempotencyConflict: 'idempotency_conflict',
  /** The app's user lacks a permission. */
  PermissionDenied: 'permission_denied',
  /** The broker refused the credentials. */
  AuthenticationFailed: 'authentication_failed',
  /** The router knows no publisher of that type. */
  UnknownBrokerType: 'unknown_broker_type',
  /** A declared stream is not on the broker. */
  StreamMissing: 'stream_missing',
  /** A stream on the broker differs from its declaration. */
  StreamDifferent: 'stream_different',
  /** A stream is being migrated by `pnpm ops apply`, and lacks what is declared until that is over. */
  StreamMigrating: 'stream_migrating',
  /** A declared change is one that the server cannot make. */
  StreamImmutable: 'stream_immutable',
  /** A stream was made again, or lost messages, while it was read: its sequences are others now. */
  StreamReplaced: 'stream_replaced',
  /** The server refused to create or change a stream; `brokerCode` and the text say why. */
  StreamRefused: 'stream_refused',
  /** A consumer on the broker differs in a field that cannot be changed. */
  ConsumerConflict: 'consumer_conflict',
  /** The bus was not ready in the time that was given; the text names the checks that are not well. */
  NotReady: 'not_ready',
  /** No app answers the request, told at once; nothing was handled. */
  NoResponder: 'no_responder',
  /** A responder was there, and gave no answer in time; it may have handled the request. */
  Timeout: 'timeout',
  /** What answered fits neither the request's response nor an error that it declares. */
  InvalidResponse: 'invalid_response',
  /** The responder answered with an error; `remote` has it, and `remoteErrorOf` its type. */
  RemoteError: 'remote_error',
  /** What a schedule is given cannot work: no time or two, an id with other characters than allowed, a time too far away. */
  InvalidSchedule: 'invalid_schedule',
  /** The time of a schedule is over. */
  ScheduleInPast: 'schedule_in_past',
  /** The interval is below a second, or no whole number of seconds. */
  InvalidInterval: 'invalid_interval',
  /** The server cannot read the cron expression. */
  InvalidCron: 'invalid_cron',
  /** The server knows no time zone of that name. */
  UnknownTimeZone: 'unknown_time_zone',
  /** The channel has no schedules, or the app does not declare to schedule it. */
  SchedulesDisabled: 'schedules_disabled',
  /** Another message waits under that id. */
  ScheduleExists: 'schedule_exists',
  /** Nothing waits under that id: never scheduled, cancelled, or delivered. */
  ScheduleNotFound: 'schedule_not_found',
  /** As many messages of the channel wait as its stream of schedules has room for. */
  SchedulesFull: 'schedules_full',
  /** Used after it was closed. */
  Closed: 'closed',
  /** Anything the kit did not foresee; `cause` has it. */
  Unexpected: 'unexpected',
} as const
export type KitErrorCode = (typeof KitErrorCode)[keyof typeof KitErrorCode]

/** What a responder answered in place of a response. */
export interface RemoteFailure {
  /** A code that the request declares, or one that every responder has: `internal`, `overloaded`, `invalid_request`. */
  readonly code: string
  /** What the request declares for the code; of the others undefined. */
  readonly detail: unknown
}

export interface KitErrorOptions {
  readonly cause?: unknown
  /** What is wrong with the message, for `invalid_message`, `invalid_response` and a request that was refused as invalid. */
  readonly issues?: readonly MessageIssue[]
  /** The server's JetStream error code, where one was given. */
  readonly brokerCode?: number
  /** How many of the first messages of `publishStream` are stored for certain; more may be. */
  readonly stored?: number
  /** For `remote_error`. */
  readonly remote?: RemoteFailure
}

/** The one error class of the kit. Decide by `code`, never by text. */
export class KitError extends Error {
  override readonly name = 'KitError'
  readonly code: KitErrorCode
  readonly issues: readonly MessageIssue[]
  readonly brokerCode: number | undefined
  readonly stored: number | undefined
  readonly remote: RemoteFailure | undefined

  constructor(code: KitErrorCode, message: string, options: KitErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.issues = options.issues ?? []
    this.brokerCode = options.brokerCode
    this.stored = options.stored
    this.remote = options.remote
  }

  /** The error itself if it is the kit's, else an `unexpected` one around it. Never throws, whatever it is given. */
  static from(error: unknown): KitError {
    if (isInstance(error, KitError)) return error
    return new KitError(KitErrorCode.Unexpected, errorText(error), { cause: error })
  }

  static is(error: unknown, code?: KitErrorCode): error is KitError {
    return isInstance(error, KitError) && (code === undefined || error.code === code)
  }
}

/** Characters of an error's text, at most: it ends in log lines, headers and answers. */
const MAX_TEXT_CHARACTERS = 4_096

/**
 * The text of anything thrown, at most 4,096 characters; a NATS request error hides the real reason in its cause.
 * Never throws: what was thrown may have no prototype, refer to itself, or throw when it is read.
 */
export function errorText(error: unknown): string {
  const text = readText(error)
  const cause = isInstance(error, Error) ? readCause(error) : undefined
  const whole = cause === undefined ? text : `${text.slice(0, MAX_TEXT_CHARACTERS)}: ${cause}`
  return whole.length <= MAX_TEXT_CHARACTERS ? whole : `${whole.slice(0, MAX_TEXT_CHARACTERS - 1)}…`
}

function readCause(error: Error): string | undefined {
  try {
    return isInstance(error.cause, Error) ? readText(error.cause) : undefined
  } catch {
    return undefined
  }
}

function readText(thrown: unknown): string {
  try {
    if (typeof thrown === 'string') return thrown
    if (typeof thrown !== 'object' || thrown === null) return String(thrown)
    const { message } = thrown as { readonly message?: unknown }
    if (typeof message === 'string') return message
    // Without custom inspectors: those are the thrower's code as well.
    return inspect(thrown, {
      breakLength: Infinity,
      customInspect: false,
      depth: 2,
      maxArrayLength: 20,
      maxStringLength: 500,
    })
  } catch {
    return 'something was thrown that cannot be read'
  }
}

/** `instanceof` for a value of unknown origin: a proxy may throw where its prototype is asked for. */
function isInstance<T>(value: unknown, Class: abstract new (...args: never[]) => T): value is T {
  try {
    return value instanceof Class
  } catch {
    return false
  }
}
