import { z } from 'zod'

/**
 * The JSON API between the console's page and its server. All times are milliseconds of the Unix epoch, durations
 * milliseconds, sizes bytes, rates messages a second. Failures are `application/problem+json` ({@link ProblemBody}).
 *
 * A write (any method but GET) needs the header `x-csrf-token: <Me.csrf>`; only `POST /api/session` goes without.
 */
export const CSRF_HEADER = 'x-csrf-token'

/** RFC 9457. `type` ends in the slug to decide by: `urn:alarm-bus:problem:unauthorized`. */
export interface ProblemBody {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly instance: string
  readonly errors?: readonly {
    readonly in: string
    readonly path: string
    readonly code: string
    readonly message: string
  }[]
}

// ---------------------------------------------------------------------------------------------------- who is it

export type Role = 'viewer' | 'operator'

/** `GET /api/me`; 401 where nobody is logged in. */
export interface Me {
  readonly name: string
  readonly role: Role
  /** An operator in a development set-up, who needed no token. */
  readonly development: boolean
  /** Whether `POST /api/channels/{name}/messages` is open to this person. */
  readonly mayPublish: boolean
  /** Sent back in the header {@link CSRF_HEADER} with each write. */
  readonly csrf: string
  /** What the browser's `accept-language` asks for. */
  readonly locale: 'en' | 'ko'
  readonly version: string
}

/** `POST /api/session`: 200 with {@link Me} and a session cookie, or 401. `DELETE /api/session`: 204. */
export const loginInput = z.object({ token: z.string().min(1).max(1_024) })

// ----------------------------------------------------------------------------------------------------- overview

export type Health = 'ok' | 'warning' | 'error' | 'unknown'
/** `running`: an instance asks for messages. `busy`: all that may be in flight is. */
export type ConsumerState = 'running' | 'busy' | 'not_running' | 'paused' | 'missing'

export interface Connection {
  readonly state: 'connected' | 'disconnected'
  /** Since when it is so. */
  readonly sinceMs: number
  /** What the broker's absence is due to, as far as it is known. */
  readonly detail?: string
}

/** `GET /api/overview`. */
export interface Overview {
  /** When the broker was last looked at; 0 before the first time. */
  readonly lookedAtMs: number
  readonly connection: Connection
  readonly apps: readonly AppNode[]
  readonly channels: readonly ChannelNode[]
  /** Arrows from apps to channels. */
  readonly publishes: readonly PublishArrow[]
  /** Arrows from channels to apps: one for each consumer. */
  readonly handles: readonly HandleArrow[]
  /** What is wrong now, the worst first. */
  readonly problems: readonly CurrentProblem[]
}

export interface AppNode {
  readonly name: string
  readonly description: string
  readonly owner: string
  readonly publishes: readonly string[]
  readonly handles: readonly string[]
  readonly reads: readonly string[]
  readonly asks: readonly string[]
  readonly answers: readonly string[]
  /** By its consumers; `unknown` for an app without any, of which the broker shows nothing. */
  readonly health: Health
}

export interface ChannelNode {
  readonly name: string
  readonly subject: string
  readonly stream: string
  readonly version: number
  readonly owner: string
  readonly description: string
  /** Messages of the channel that are stored now. */
  readonly messages: number
  readonly publishedPerSecond: number
  readonly deadLetters: number
  readonly health: Health
}

export interface PublishArrow {
  readonly app: string
  readonly channel: string
}

export interface HandleArrow {
  readonly app: string
  readonly channel: string
  readonly stream: string
  readonly consumer: string
  readonly state: ConsumerState
  /** Messages not delivered yet. */
  readonly lag: number
  readonly ackPending: number
  /** Of those that are delivered and not settled, how many were delivered more than once. */
  readonly redelivered: number
  readonly handledPerSecond: number
  readonly deadLetters: number
  /** Dead letters that were sent to it again and are not settled. */
  readonly redriving: number
  /** Null before its first delivery. */
  readonly lastDeliveredMs: number | null
  readonly health: Health
}

export type ProblemKind =
  | 'broker_away'
  | 'stream_missing'
  | 'stream_differs'
  | 'stream_nearly_full'
  | 'consumer_missing'
  | 'consumer_paused'
  | 'consumer_not_running'
  | 'consumer_stalled'
  | 'dead_letters'
  | 'redriven_waiting'

export interface CurrentProblem {
  /** The same as long as the problem lasts. */
  readonly id: string
  readonly kind: ProblemKind
  readonly severity: 'warning' | 'error'
  /** In English. A page in another language makes its own of `kind` and `params`. */
  readonly text: string
  readonly params: Readonly<Record<string, string | number>>
  /** The way to mend it: a place in the console, a command to run, or both. */
  readonly mend: { readonly href?: string; readonly command?: string; readonly text: string }
}

/**
 * `GET /api/events`, server-sent events:
 *
 * - `overview`: an {@link Overview}, at the start and after a gap.
 * - `change`: an {@link OverviewChange}, at most 50 a second; several changes in between are one.
 * - A comment every 10 s. `Last-Event-ID` is understood: nothing is sent that the page has already.
 *
 * A change is the members that changed, each whole.
 */
export type OverviewChange = Partial<Overview>

// ----------------------------------------------------------------------------------------------------- channels

export type JsonSchema = Readonly<Record<string, unknown>>

/** `GET /api/channels/{name}`. */
export interface ChannelDetail extends ChannelNode {
  readonly compatibility: 'backward' | 'forward' | 'full' | 'none'
  readonly maxMessageBytes: number
  readonly schema: JsonSchema
  /** The schema's own; null where it has none. */
  readonly example: unknown
  /** JSON pointers of the fields that are marked sensitive; `*` stands for every item of a list. */
  readonly sensitive: readonly string[]
  readonly publishers: readonly string[]
  readonly handlers: readonly HandleArrow[]
  readonly readers: readonly string[]
  readonly hearers: readonly string[]
  readonly mayPublish: boolean
  readonly history: ChannelHistory
}

/** Columns of one length, the oldest first: at most an hour. */
export interface ChannelHistory {
  readonly atMs: readonly number[]
  readonly publishedPerSecond: readonly number[]
}

/**
 * `GET /api/channels/{name}/tail`, server-sent events: `message`, `invalid`, `gap` and `skipped`. The event's id is the
 * sequence; `Last-Event-ID` goes on behind it. `?reveal=true` shows sensitive values to an operator, and is an audit record.
 */
export interface TailEvents {
  readonly message: TailMessage
  readonly invalid: TailInvalid
  /** These sequences left the stream before they were read. */
  readonly gap: { readonly from: number; readonly to: number }
  /** So many were not shown, because more came than a person can read. */
  readonly skipped: { readonly count: number }
}

interface TailContext {
  readonly seq: number
  readonly storedAtMs: number
  readonly id: string | null
  readonly requestId: string | null
}
export interface TailMessage extends TailContext {
  readonly body: unknown
  /** JSON pointers of the values that are hidden; in `body` they are {@link HIDDEN}. */
  readonly hidden: readonly string[]
}
export interface TailInvalid extends TailContext {
  /** Null where the channel has sensitive fields: nobody can say which part of it they are. */
  readonly text: string | null
  readonly issues: readonly Issue[]
}
export const HIDDEN = '\u2022\u2022\u2022'

/** `path` is a JSON pointer. */
export interface Issue {
  readonly path: string
  readonly code: string
  readonly message: string
}

/** `POST /api/channels/{name}/messages`: 202 with {@link Published}; 400 with `errors` at their paths. */
export const publishInput = z.object({ message: z.unknown(), id: z.string().min(1).max(128).optional() })
export interface Published {
  readonly id: string
  readonly stream: string
  readonly seq: number
  readonly duplicate: boolean
}

// ---------------------------------------------------------------------------------------------------- consumers

/** `GET /api/consumers/{stream}/{consumer}`. */
export interface ConsumerDetail extends HandleArrow {
  readonly createdAtMs: number | null
  /** When the oldest message was stored that it has not been given; null where there is none. */
  readonly oldestUnreadMs: number | null
  readonly deliveredSeq: number
  readonly ackFloorSeq: number
  /** Those of {@link Overview.problems} that are about it. */
  readonly problems: readonly CurrentProblem[]
  readonly configuration: readonly ConfigurationRow[]
  readonly history: ConsumerHistory
}

/** In the server's own names and units. */
export interface ConfigurationRow {
  readonly field: string
  readonly live: unknown
  /** Undefined where the declaration leaves it open. */
  readonly declared?: unknown
  readonly differs: boolean
}

/** Columns of one length, the oldest first: at most an hour. */
export interface ConsumerHistory {
  readonly atMs: readonly number[]
  readonly lag: readonly number[]
  readonly ackPending: readonly number[]
  readonly handledPerSecond: readonly number[]
}

// ------------------------------------------------------------------------------------------------- dead letters

export const DEAD_LETTER_REASONS = [
  'invalid_message',
  'deliveries_exhausted',
  'handler_gave_up',
  'upcast_failed',
  'never_settled',
  'expires_before_retry',
  'redrive_unread',
  'terminated_elsewhere',
] as const

const filterShape = {
  /** Default: the one stream that has consumers. */
  stream: z.string().min(1).max(64).optional(),
  channel: z.string().min(1).max(64).optional(),
  consumer: z.string().min(1).max(128).optional(),
  reason: z.enum(DEAD_LETTER_REASONS).optional(),
  olderThanMs: z.coerce.number().int().min(0).optional(),
  newerThanMs: z.coerce.number().int().min(0).optional(),
  /** Key of a {@link LetterGroup}. */
  group: z.string().min(1).max(64).optional(),
}

/** Query of `GET /api/dead-letters`; of `GET /api/dead-letters/groups` without `limit` and `after`. */
export const letterQuery = z.object({
  ...filterShape,
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** `next` of the page before. */
  after: z.string().max(64).optional(),
})
export type LetterQuery = z.input<typeof letterQuery>

/** `GET /api/dead-letters`: a page, the newest last. */
export interface LetterPage {
  readonly letters: readonly Letter[]
  /** Null at the end. */
  readonly next: string | null
  /** All there are, whatever the filter. */
  readonly total: number
}

/** `GET /api/dead-letters/groups`: letters of the same consumer, reason and error, the largest group first. */
export interface LetterGroups {
  readonly groups: readonly LetterGroup[]
  /** How many were looked at, and whether those are all. */
  readonly looked: number
  readonly complete: boolean
}
export interface LetterGroup {
  readonly key: string
  readonly stream: string
  readonly consumer: string
  readonly channel: string
  readonly reason: string
  /** Of one of them. */
  readonly error: string
  readonly count: number
  readonly oldestMs: number
  readonly newestMs: number
}

export interface Letter {
  readonly stream: string
  /** Its number: what it is shown, redriven and discarded by. */
  readonly seq: number
  readonly storedAtMs: number
  readonly channel: string
  /** Who failed, and whom it is redriven to; nobody else. */
  readonly consumer: string
  readonly app: string | null
  readonly reason: string
  readonly error: string
  readonly deliveries: number
  readonly redrives: number
  readonly originalSeq: number
  readonly size: number
  /** The original left its stream before it could be kept: there is nothing to redrive. */
  readonly lost: boolean
}

/** `GET /api/dead-letters/{stream}/{seq}`; `?reveal=true` as with the tail. */
export interface LetterDetail extends Letter {
  readonly issues: readonly Issue[]
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly messageId: string | null
  readonly requestId: string | null
  /** The trace's id, of the header `traceparent`. */
  readonly traceId: string | null
  readonly body: LetterBody
  /** Later letters of the same message, where a redrive failed again. */
  readonly others: readonly Letter[]
}
export interface LetterBody {
  /** Null where it is hidden whole. */
  readonly text: string | null
  readonly encoding: 'utf8' | 'base64'
  readonly hidden: readonly string[]
  readonly isJson: boolean
}

const selection = {
  ...filterShape,
  /** Those alone, among what the filter leaves. */
  seqs: z.array(z.number().int().min(1)).min(1).max(1_000).optional(),
  /** Look, and change nothing. */
  dryRun: z.boolean().default(true),
}
/** `POST /api/dead-letters/redrive`: 202 with a {@link Job}. */
export const redriveInput = z.object({
  ...selection,
  ratePerSecond: z.number().min(0.1).max(1_000).default(10),
  maxRedrives: z.number().int().min(1).max(100).default(3),
})
/** `POST /api/dead-letters/discard`: 202 with a {@link Job}. Without any filter it is refused unless `all` is true. */
export const discardInput = z.object({ ...selection, all: z.boolean().default(false) })

/** `GET /api/jobs/{id}?after=<outcomes that are known>`: what became of it so far. `DELETE` stops it: 204. */
export interface Job {
  readonly id: string
  readonly action: 'redrive' | 'discard'
  readonly dryRun: boolean
  readonly by: string
  readonly startedAtMs: number
  readonly endedAtMs: number | null
  /** `following`: all is sent, and not all of it is settled by its consumer. */
  readonly state: 'running' | 'following' | 'done' | 'failed' | 'stopped'
  /** Letters that the filter found when it began, as far as it is known. */
  readonly done: number
  readonly counts: Readonly<Partial<Record<OutcomeAction, number>>>
  readonly error: string | null
  /** Behind the first `after`. */
  readonly outcomes: readonly Outcome[]
  /** Outcomes are kept of the first 1,000 letters. */
  readonly outcomesLeftOut: number
}

/** With `dryRun` what would become of the letter. `finished`: an earlier run had sent it and not removed it. */
export type OutcomeAction = 'redriven' | 'finished' | 'discarded' | 'skipped'
export interface Outcome {
  readonly index: number
  readonly letter: Letter
  readonly action: OutcomeAction
  readonly why?: 'limit_reached' | 'original_lost' | 'no_reader' | 'reader_behind' | 'refused'
  readonly detail?: string
  /** Of one that was redriven: whether its consumer has settled it since. An outcome whose `after` changed is sent again. */
  readonly after?: 'waiting' | 'handled' | 'failed_again' | 'unknown'
}

// ---------------------------------------------------------------------------------------------------- a message

/** Query of `GET /api/messages/{id}`: the id is a message id, a request id, or `<stream>:<sequence>`. */
export const messageQuery = z.object({ by: z.enum(['any', 'id', 'requestId', 'sequence']).default('any') })

export interface MessageFound {
  readonly matches: readonly MessageDetail[]
  /** How many stored messages were looked through where no app knew it, and whether those were all. */
  readonly searched: { readonly messages: number; readonly complete: boolean } | null
}
export interface MessageDetail {
  readonly channel: string
  readonly id: string | null
  readonly requestId: string | null
  readonly stream: string | null
  readonly seq: number | null
  readonly publishedAtMs: number | null
  /** Undefined where the stream does not hold it any more. */
  readonly message?: TailMessage | TailInvalid
  readonly consumers: readonly {
    readonly consumer: string
    readonly app: string
    /** By the consumer's position. `settled`: handled, or a dead letter of {@link deadLetters}. */
    readonly state: 'settled' | 'in_flight' | 'unread' | 'unknown'
  }[]
  readonly log: LogAnswer
  readonly delivery: DeliveryAnswer
  readonly deadLetters: readonly Letter[]
}
/** `unknown`: it has not seen it. `none`: the channel is not its business. */
type NoAnswer = { readonly answer: 'unknown' | 'none' } | { readonly answer: 'no-answer'; readonly why: string }
export type LogAnswer =
  | NoAnswer
  | { readonly answer: 'known'; readonly stream: string; readonly seq: number; readonly storedAtMs: number }
export type DeliveryAnswer =
  | NoAnswer
  | {
      readonly answer: 'known'
      readonly state: 'running' | 'delivered' | 'retrying' | 'dead-letter'
      readonly deliveries: number | null
      readonly sinks: readonly {
        readonly name: string
        readonly state: 'sent' | 'sending' | 'failed' | 'open'
        readonly atMs: number | null
        readonly error: string | null
      }[]
      readonly retryAtMs: number | null
      readonly error: string | null
    }

// ------------------------------------------------------------------------------------------- streams, requests

/** `GET /api/streams`. */
export interface Streams {
  readonly streams: readonly StreamDetail[]
}
export interface StreamDetail {
  readonly name: string
  readonly kind:
    | 'channels'
    | 'dead_letters'
    | 'dead_letter_shares'
    | 'redrive'
    | 'idempotency'
    | 'records'
    | 'schedules'
    | 'other'
  /** The declared stream that it stands beside, or itself. */
  readonly of: string
  readonly exists: boolean
  readonly channels: readonly string[]
  readonly messages: number
  readonly bytes: number
  /** Null without a limit. */
  readonly maxBytes: number | null
  readonly maxMessages: number | null
  readonly maxAgeMs: number | null
  /** From 0 to 1, of the limit that is nearest; null without a limit. */
  readonly fill: number | null
  readonly oldestMs: number | null
  readonly newestMs: number | null
  readonly firstSeq: number
  readonly lastSeq: number
  readonly consumers: number
  readonly replicas: number
  /** What `pnpm ops plan` would change. */
  readonly plan: {
    readonly action: 'none' | 'create' | 'update' | 'refuse'
    readonly changes: readonly {
      readonly field: string
      readonly live: unknown
      readonly declared: unknown
      readonly immutable: boolean
    }[]
  }
}

/** `GET /api/requests`. */
export interface Requests {
  readonly requests: readonly {
    readonly name: string
    readonly subject: string
    readonly description: string
    readonly owner: string
    readonly version: number
    readonly timeoutMs: number
    /** Null where no app does. */
    readonly answeredBy: string | null
    readonly askedBy: readonly string[]
    readonly request: JsonSchema
    readonly response: JsonSchema
    readonly errors: readonly string[]
  }[]
}

/** `GET /api/schedules`: what waits for its time, the first of each channel. */
export interface Schedules {
  readonly channels: readonly {
    readonly channel: string
    /** Whose instances publish what is due; null where no app declares to. */
    readonly scheduledBy: string | null
    readonly waiting: readonly ScheduledMessage[]
    /** More wait than are shown. */
    readonly more: boolean
  }[]
}
export interface ScheduledMessage {
  readonly id: string
  /** Null for what is delivered again and again. */
  readonly atMs: number | null
  /** What is delivered again and again: every so many milliseconds, or as cron says. */
  readonly everyMs: number | null
  readonly cron: string | null
  readonly timeZone: string | null
  readonly scheduledAtMs: number
  readonly body: unknown
  readonly hidden: readonly string[]
}

// -------------------------------------------------------------------------------------------------------- audit

/** Query of `GET /api/audit`. */
export const auditQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** `next` of the page before. */
  before: z.coerce.number().int().min(1).optional(),
})

/** `GET /api/audit`: the newest first. */
export interface AuditPage {
  readonly records: readonly AuditRecord[]
  readonly next: number | null
}
export interface AuditRecord {
  readonly seq: number
  readonly atMs: number
  readonly who: string
  readonly role: Role
  /** The client's address. */
  readonly from: string
  readonly action: 'login' | 'redrive' | 'discard' | 'publish' | 'reveal'
  /** What of: a channel, a letter, a filter. */
  readonly target: string
  /** `begun` is stored before anything is done. */
  readonly outcome: 'begun' | 'done' | 'failed' | 'refused' | 'stopped'
  readonly detail: string
  /** The same for `begun` and for what it ended with. */
  readonly actionId: string
}
