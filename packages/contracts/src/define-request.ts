import type { z } from 'zod'
import { ContractError } from './contract-error.ts'
import { assertName, assertSubject, assertWholeNumber } from './declared-fields.ts'
import { COMPATIBILITIES, type Compatibility, type MessageInputOf, type MessageOf } from './define-channel.ts'
import { type MessageShape, shapeOf } from './message-shape.ts'

const DEFAULT_MAX_BYTES = 64 * 1024
const DEFAULT_TIMEOUT_MS = 2_000
/** The longest that anybody waits for an answer, in milliseconds: the broker forgets who asked after two minutes. */
export const MAX_REQUEST_TIMEOUT_MS = 60_000

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
  /** How long a caller waits that says nothing else, in milliseconds, at most 60,000. Default 2,000. */
  readonly timeoutMs?: number
  /** Most bytes of one encoded request. Default 65,536. */
  readonly maxRequestBytes?: number
  /** Most bytes of one encoded response, or of an error's detail. Default 65,536. */
  readonly maxResponseBytes?: number
}

/** One direction of a request, or an error that may be answered. */
export interface RequestPart<Schema extends z.ZodType = z.ZodType> extends MessageShape<Schema> {
  readonly maxBytes: number
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
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = options
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
  if (timeoutMs > MAX_REQUEST_TIMEOUT_MS) {
    throw new ContractError(
      `${what}: timeoutMs must be at most ${MAX_REQUEST_TIMEOUT_MS}, not ${timeoutMs}; ask for work that takes longer with a channel`,
    )
  }
  const part = <S extends z.ZodType>(of: string, schema: S, maxBytes: number): RequestPart<S> =>
    Object.freeze({ ...shapeOf(`${what}: ${of}`, schema, compatibility === 'none'), maxBytes })
  return Object.freeze({
    name,
    subject,
    description,
    owner,
    compatibility,
    version,
    timeoutMs,
    request: part('request', options.request, maxRequestBytes),
    response: part('response', options.response, maxResponseBytes),
    errors: errorParts(what, options.errors ?? ({} as Errors), (code, schema) =>
      part(`error ${JSON.stringify(code)}`, schema, maxResponseBytes),
    ),
  })
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
