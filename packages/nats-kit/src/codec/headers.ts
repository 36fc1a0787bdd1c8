import { KitError, KitErrorCode } from '../errors.ts'
import type { SizedText } from './sized-text.ts'

/** The only owner of header names. `Nats-*` means something to the server; `Contract-*`, `Dead-Letter-*`, `Redrive-*` and `Schedule-*` are the kit's. */
export const HeaderName = {
  MessageId: 'Nats-Msg-Id',
  ExpectedStream: 'Nats-Expected-Stream',
  ExpectedLastSubjectSequence: 'Nats-Expected-Last-Subject-Sequence',
  /** Which subjects that sequence is of, where it is not the message's own. */
  ExpectedLastSubjectSequenceSubject: 'Nats-Expected-Last-Subject-Sequence-Subject',
  Ttl: 'Nats-TTL',
  ContentType: 'Content-Type',
  Channel: 'Contract-Channel',
  Version: 'Contract-Version',
  /** Of a request: its name, and the milliseconds that its caller waits from when it was sent. */
  Request: 'Contract-Request',
  TimeoutMs: 'Contract-Timeout-Ms',
  /** Of an answer that is no response: the error's code. */
  Error: 'Contract-Error',
  /** A caller's own: the request that a message came from. The kit only writes it down beside what went wrong. */
  RequestId: 'Request-Id',
} as const

export const ScheduleHeader = {
  /** When the server stores the message that is due. */
  Schedule: 'Nats-Schedule',
  Target: 'Nats-Schedule-Target',
  TimeZone: 'Nats-Schedule-Time-Zone',
  /** The subject of a schedule: of the one that a due message came from; with `Next: purge`, of one that ends with this. */
  Scheduler: 'Nats-Scheduler',
  Next: 'Nats-Schedule-Next',
  /** The schedule's id, on what waits and on what was delivered. */
  Id: 'Schedule-Id',
  /** What the caller asked for, as JSON. */
  When: 'Schedule-When',
  /** In place of a schedule: it was cancelled. */
  Cancelled: 'Schedule-Cancelled',
} as const

export const DeadLetterHeader = {
  Reason: 'Dead-Letter-Reason',
  Error: 'Dead-Letter-Error',
  App: 'Dead-Letter-App',
  Consumer: 'Dead-Letter-Consumer',
  Channel: 'Dead-Letter-Channel',
  Deliveries: 'Dead-Letter-Deliveries',
  Stream: 'Dead-Letter-Stream',
  Sequence: 'Dead-Letter-Sequence',
  /** When the message was stored, in nanoseconds of the Unix epoch: of a letter whose subject does not say it. */
  StoredNanos: 'Dead-Letter-Stored-Nanos',
  Subject: 'Dead-Letter-Subject',
  Time: 'Dead-Letter-Time',
  Issues: 'Dead-Letter-Issues',
  /** The original left its stream before it could be kept: the dead letter has no body. Written by kits before 1.0 only. */
  Lost: 'Dead-Letter-Lost',
  /** So many of the first bytes are the original's header block as it came, because it is none that can be written again. */
  HeaderBytes: 'Dead-Letter-Header-Bytes',
  /** What is stored before the letter, each a message of its own: ranges of bytes, as `0-1000 1000-2000`. */
  Parts: 'Dead-Letter-Parts',
} as const

/**
 * Put before an original header that would act on the copy, or be taken for one of the copy's own:
 * `Dead-Letter-Original-Nats-Msg-Id`.
 */
export const ORIGINAL_PREFIX = 'Dead-Letter-Original-'

export const JSON_CONTENT_TYPE = 'application/json'

/** W3C Trace Context. Who traces writes them; a caller's own stay as they are. */
export const TRACE_PARENT = 'traceparent'
export const TRACE_STATE = 'tracestate'
const TRACE_NAME = /^trace(parent|state)$/i

const RESERVED = /^(nats-|contract-|dead-letter-|redrive-|schedule-|content-type$)/i
/** What a header may be called. */
export const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/
/** Names that were found valid: callers use the same few for every message, and two expressions cost more than the rest. */
const validNames = new Set<string>()
const MAX_VALID_NAMES = 100
/** Bytes of all of a caller's headers together: they ride in front of every message. */
const MAX_CALLER_HEADER_CHARACTERS = 4_096
/** Of each of the two that tracing adds. They do not count with a caller's: tracing refuses no message. */
const MAX_TRACE_HEADER_CHARACTERS = 512

/** The headers of one message, as text and, for the client, as bytes: a header object per message is most of its cost. */
export class EncodedHeaders implements SizedText {
  readonly text: string
  readonly byteLength: number
  #bytes: Uint8Array | undefined

  constructor(lines: string) {
    this.text = `NATS/1.0\r\n${lines}\r\n`
    this.byteLength = Buffer.byteLength(this.text)
  }

  get bytes(): Uint8Array {
    return (this.#bytes ??= Buffer.from(this.text, 'utf8'))
  }

  /** All that the client asks of headers when it publishes. */
  encode(): Uint8Array {
    return this.bytes
  }
}

/** One header line. The value must hold no line break; see {@link headerValue} for text of unknown origin. */
export function headerLine(name: string, value: string | number): string {
  return `${name}: ${value}\r\n`
}

/** Text of unknown origin as a header value: on one line, and no longer than `maxCharacters`. */
export function headerValue(text: string, maxCharacters: number): string {
  return text
    .slice(0, maxCharacters)
    .replaceAll(/[\u0000-\u001f\u007f]+/g, ' ')
    .trim()
}

/**
 * A caller's headers as lines.
 *
 * @throws KitError `invalid_header`, naming the header.
 */
export function callerHeaderLines(headers: Readonly<Record<string, string>> | undefined): string {
  if (headers === undefined) return ''
  let lines = ''
  let characters = 0
  for (const name of Object.keys(headers)) {
    if (!validNames.has(name)) checkName(name)
    const value: unknown = headers[name]
    if (typeof value !== 'string' || /[\u0000-\u001f\u007f]/.test(value)) {
      throw invalidHeader(name, 'its value must be text without control characters')
    }
    const line = headerLine(name, value)
    lines += line
    if (!isTraceHeader(name)) characters += line.length
    else if (value.length > MAX_TRACE_HEADER_CHARACTERS) {
      throw invalidHeader(name, `its value is longer than ${MAX_TRACE_HEADER_CHARACTERS} characters`)
    }
  }
  if (characters > MAX_CALLER_HEADER_CHARACTERS) {
    throw new KitError(
      KitErrorCode.InvalidHeader,
      `headers are longer than ${MAX_CALLER_HEADER_CHARACTERS} characters together`,
    )
  }
  return lines
}

/** Whether a header says which trace its message belongs to. */
export function isTraceHeader(name: string): boolean {
  return name.length <= 11 && TRACE_NAME.test(name)
}

function checkName(name: string): void {
  if (!HEADER_NAME.test(name)) throw invalidHeader(name, 'its name is not a header name')
  if (RESERVED.test(name)) throw invalidHeader(name, 'the name belongs to the broker or to the kit')
  if (validNames.size < MAX_VALID_NAMES) validNames.add(name)
}

function invalidHeader(name: string, why: string): KitError {
  return new KitError(KitErrorCode.InvalidHeader, `header ${JSON.stringify(name)} cannot be sent: ${why}`)
}
