import type { z } from 'zod'
import { ContractError } from './contract-error.ts'
import { assertName, assertSubject, assertWholeNumber } from './declared-fields.ts'
import {
  type Channel,
  COMPATIBILITIES,
  type Compatibility,
  type MessageInputOf,
  type MessageOf,
} from './define-channel.ts'
import { type MessageShape, shapeOf } from './message-shape.ts'

const DEFAULT_MAX_BYTES = 64 * 1024
const DEFAULT_TIMEOUT_MS = 2_000
/** The longest that anybody waits for an answer, in milliseconds: the broker forgets who asked after two minutes. */
export const MAX_REQUEST_TIMEOUT_MS = 60_000

const DEFAULT_STORED_TIMEOUT_MS = 60_000
const DAY_MS = 24 * 60 * 60 * 1_000
/** The longest deadline of a stored request, in milliseconds. */
const MAX_STORED_TIMEOUT_MS = 7 * DAY_MS
const MAX_KEEP_REPLY_MS = 28 * DAY_MS
/** The broker counts the time to live of a message in whole seconds. */
const MIN_STORED_MS = 1_000

const ERROR_CODE = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/
const MAX_ERROR_CODE_CHARACTERS = 64
const MAX_ERRORS = 32
/** Errors that every request has: they come from the responder itself and not from its handler. */
export const RESPONDER_ERRORS = ['internal', 'overloaded', 'invalid_request'] as const
export type ResponderError = (typeof RESPONDER_ERRORS)[number]

/** Schemas of the errors that a responder may answer with, by their codes in snake case. */
export type ErrorSchemas = Readonly<Record<string, z.ZodType>>

export interface RequestOptions<
  Name extends string,
  Input extends z.ZodType,
  Response extends z.ZodType,
  Errors extends ErrorSchemas,
> {
  /** Kebab case, unique among all requests and channels: `alarm-delivery`. */
  readonly name: Name
  /** The NATS subject, literal tokens only, no channel's: `ask.alarm.delivery`. */
  readonly subject: string
  /** One sentence for people: what is asked. */
  readonly description: string
  /** The team that decides about the schemas. */
  readonly owner: string
  readonly request: Input
  readonly response: Response
  /** What may be answered in place of a response, each with the schema of its detail. Default none. */
  readonly errors?: Errors
  /**
   * Which side may be a release behind when a schema changes. Default `full`.
   *
   * - `backward`: new responders answer callers of the last release. `forward`: responders of the last release answer new
   *   callers. `full`: both. `none`: nothing is promised.
   */
  readonly compatibility?: Compatibility
  /** Contract version, a whole number from 1. Default 1. */
  readonly version?: number
  /**
   * How long a caller waits that says nothing else, in milliseconds, at most 60,000. Default 2,000. Of a stored request its
   * deadline, from 1,000 to seven days and no longer than its stream keeps a message; default 60,000.
   */
  readonly timeoutMs?: number
  /**
   * The request is a message in a stream, which lists it in its `requests`: it waits for a responder that is away, and is
   * retried and becomes a dead letter as any message. Default false.
   */
  readonly stored?: boolean
  /**
   * How long the answer to a stored request is kept, in milliseconds, at least its `timeoutMs` and at most 28 days. A
   * caller that restarted asks for it by the request's id. Default a day, or `timeoutMs` where that is more.
   */
  readonly keepReplyMs?: number
  /** Most bytes of one encoded request. Default 65,536. */
  readonly maxRequestBytes?: number
  /** Most bytes of one encoded response, or of an error's detail. Default 65,536. */
  readonly maxResponseBytes?: number
}

/** One direction of a request, or an error that may be answered. */
export interface RequestPart<Schema extends z.ZodType = z.ZodType> extends MessageShape<Schema> {
  readonly maxBytes: number
}

/** Where a stored request waits, and for how long its answer is kept. */
export interface StoredRequest {
  /**
   * What the stream stores and the answering app handles: named like the request, on `<subject>.<asking app>` for each app
   * that asks.
   */
  readonly channel: Channel
  readonly keepReplyMs: number
}

/** A request that one app answers and others may ask. Plain data; knows nothing of a NATS client. */
export interface RequestContract<
  Name extends string = string,
  Input extends z.ZodType = z.ZodType,
  Response extends z.ZodType = z.ZodType,
  Errors extends ErrorSchemas = ErrorSchemas,
> {
  readonly name: Name
  readonly subject: string
  readonly description: string
  readonly owner: string
  readonly compatibility: Compatibility
  readonly version: number
  readonly timeoutMs: number
  /** Undefined for a request that is sent once and stored nowhere. */
  readonly stored: StoredRequest | undefined
  readonly request: RequestPart<Input>
  readonly response: RequestPart<Response>
  readonly errors: { readonly [Code in keyof Errors]: RequestPart<Errors[Code]> }
}

/** What a caller may pass: fields with a default may be left out. */
export type RequestInputOf<R extends RequestContract> = MessageInputOf<R['request']>
/** What a handler is given. */
export type RequestOf<R extends RequestContract> = MessageOf<R['request']>
/** What a handler may return: fields with a default may be left out. */
export type ResponseInputOf<R extends RequestContract> = MessageInputOf<R['response']>
/** What a caller is given. */
export type ResponseOf<R extends RequestContract> = MessageOf<R['response']>
/** Codes of the errors that the request declares. */
export type ErrorCodeOf<R extends RequestContract> = Extract<keyof R['errors'], string>
/** The detail of a declared error, as a handler may pass it. */
export type ErrorDetailInputOf<R extends RequestContract, Code extends ErrorCodeOf<R>> = z.input<
  R['errors'][Code]['schema']
>
/** The detail of a declared error, as a caller is given it. */
export type ErrorDetailOf<R extends RequestContract, Code extends ErrorCodeOf<R>> = z.output<
  R['errors'][Code]['schema']
>

/**
 * Declares a request.
 *
 * @throws ContractError naming the request, when its name, subject, version, a bound or a schema cannot work.
 */
export function defineRequest<
  const Name extends string,
  Input extends z.ZodType,
  Response extends z.ZodType,
  const Errors extends ErrorSchemas = Readonly<Record<never, z.ZodType>>,
>(options: RequestOptions<Name, Input, Response, Errors>): RequestContract<Name, Input, Response, Errors> {
  const { name, subject, description, owner, compatibility = 'full', version = 1 } = options
  const { stored = false } = options
  const { timeoutMs = stored ? DEFAULT_STORED_TIMEOUT_MS : DEFAULT_TIMEOUT_MS } = options
  const { maxRequestBytes = DEFAULT_MAX_BYTES, maxResponseBytes = DEFAULT_MAX_BYTES } = options
  const what = `request ${JSON.stringify(name)}`
  assertName(what, name)
  assertSubject(what, subject)
  if (owner.trim() === '') throw new ContractError(`${what}: owner is empty; name the team to ask`)
  if (!COMPATIBILITIES.includes(compatibility)) {
    throw new ContractError(
      `${what}: compatibility must be one of ${COMPATIBILITIES.join(', ')}, not ${JSON.stringify(compatibility)}`,
    )
  }
  assertWholeNumber(what, 'version', version)
  assertWholeNumber(what, 'maxRequestBytes', maxRequestBytes)
  assertWholeNumber(what, 'maxResponseBytes', maxResponseBytes)
  assertWholeNumber(what, 'timeoutMs', timeoutMs)
  if (!stored && timeoutMs > MAX_REQUEST_TIMEOUT_MS) {
    throw new ContractError(
      `${what}: timeoutMs must be at most ${MAX_REQUEST_TIMEOUT_MS}, not ${timeoutMs}; ask for work that takes longer with a stored request`,
    )
  }
  const keepReplyMs = keptMs(what, stored, timeoutMs, options.keepReplyMs)
  const part = <S extends z.ZodType>(of: string, schema: S, maxBytes: number): RequestPart<S> =>
    Object.freeze({ ...shapeOf(`${what}: ${of}`, schema, compatibility === 'none'), maxBytes })
  const request = part('request', options.request, maxRequestBytes)
  return Object.freeze({
    name,
    subject,
    description,
    owner,
    compatibility,
    version,
    timeoutMs,
    stored: stored
      ? Object.freeze({
          channel: Object.freeze({
            name,
            subject: `${subject}.*`,
            schema: request.schema,
            jsonSchema: request.jsonSchema,
            description,
            owner,
            compatibility,
            version,
            maxMessageBytes: maxRequestBytes,
            key: undefined,
            previous: undefined,
          }),
          keepReplyMs,
        })
      : undefined,
    request,
    response: part('response', options.response, maxResponseBytes),
    errors: errorParts(what, options.errors ?? ({} as Errors), (code, schema) =>
      part(`error ${JSON.stringify(code)}`, schema, maxResponseBytes),
    ),
  })
}

/** @throws ContractError for a deadline or a time of keeping that a stored request cannot have. */
function keptMs(what: string, stored: boolean, timeoutMs: number, given: number | undefined): number {
  const refuse = (why: string): never => {
    throw new ContractError(`${what}: ${why}`)
  }
  if (!stored) return given === undefined ? 0 : refuse('keepReplyMs is for a stored request; set stored: true')
  if (timeoutMs < MIN_STORED_MS || timeoutMs > MAX_STORED_TIMEOUT_MS)
    refuse(`timeoutMs of a stored request must be from ${MIN_STORED_MS} to ${MAX_STORED_TIMEOUT_MS}, not ${timeoutMs}`)
  const keepReplyMs = given ?? Math.max(DAY_MS, timeoutMs)
  assertWholeNumber(what, 'keepReplyMs', keepReplyMs)
  // Without the answer a redelivered request would be answered once more.
  if (keepReplyMs < timeoutMs || keepReplyMs > MAX_KEEP_REPLY_MS)
    refuse(`keepReplyMs must be from timeoutMs (${timeoutMs}) to ${MAX_KEEP_REPLY_MS}, not ${keepReplyMs}`)
  return keepReplyMs
}

function errorParts<Errors extends ErrorSchemas>(
  what: string,
  errors: Errors,
  part: (code: string, schema: z.ZodType) => RequestPart,
): { readonly [Code in keyof Errors]: RequestPart<Errors[Code]> } {
  const codes = Object.keys(errors)
  if (codes.length > MAX_ERRORS) throw new ContractError(`${what}: at most ${MAX_ERRORS} errors, not ${codes.length}`)
  for (const code of codes) {
    const refuse = (why: string): never => {
      throw new ContractError(`${what}: error ${JSON.stringify(code)} ${why}`)
    }
    if (!ERROR_CODE.test(code) || code.length > MAX_ERROR_CODE_CHARACTERS)
      refuse(`must be snake case (a-z, 0-9, "_"), at most ${MAX_ERROR_CODE_CHARACTERS} characters`)
    if ((RESPONDER_ERRORS as readonly string[]).includes(code)) refuse('is one that every request has; choose another')
  }
  const parts = Object.entries(errors).map(([code, schema]) => [code, part(code, schema)])
  return Object.freeze(Object.fromEntries(parts))
}
