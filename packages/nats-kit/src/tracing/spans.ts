import {
  type Attributes,
  type Context,
  context,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  type SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api'
import type { Connection } from '../connection/connection.ts'
import { errorText, KitError } from '../errors.ts'

const MAX_STATUS_CHARACTERS = 1_000

export interface SpanDescription {
  readonly kind: SpanKind
  /** NATS's word: `publish`, `process`, `request`. */
  readonly operation: string
  /** Of the semantic conventions. */
  readonly type: 'send' | 'process'
  readonly subject: string
  readonly attributes?: Attributes
  readonly links?: readonly SpanContext[]
}

/** A span as the messaging conventions describe one. @param parent default: what is active. */
export function startSpan(
  tracer: Tracer,
  { kind, operation, type, subject, attributes, links = [] }: SpanDescription,
  parent: Context = context.active(),
): Span {
  return tracer.startSpan(
    `${operation} ${subject}`,
    {
      kind,
      attributes: {
        'messaging.system.name': 'nats',
        'messaging.operation.name': operation,
        'messaging.operation.type': type,
        'messaging.destination.name': subject,
        ...attributes,
      },
      links: links.map((of): Link => ({ context: of })),
    },
    parent,
  )
}

/** What another process began, as the parent of a span here. */
export function remoteParent(of: SpanContext | undefined): Context {
  return of === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, of)
}

/** Runs a function, and what it begins, with the span as the active one. */
export function within<T>(span: Span, run: () => T): T {
  return context.with(trace.setSpan(context.active(), span), run)
}

/** Runs a function in a span that ends with it, whether it returns, throws, resolves or rejects. */
export function inSpan<T>(span: Span, run: () => T | PromiseLike<T>): T | Promise<T> {
  let result: T | PromiseLike<T>
  try {
    result = within(span, run)
    if (!isThenable(result)) {
      span.end()
      return result
    }
  } catch (error) {
    fail(span, error)
    throw error
  }
  return Promise.resolve(result).then(
    (value) => {
      span.end()
      return value
    },
    (error: unknown) => {
      fail(span, error)
      throw error
    },
  )
}

/** Ends a span as failed. Never throws, whatever was thrown. */
export function fail(span: Span, error: unknown, type: string = errorType(error)): void {
  span.setAttribute('error.type', type)
  span.setStatus({ code: SpanStatusCode.ERROR, message: errorText(error).slice(0, MAX_STATUS_CHARACTERS) })
  span.end()
}

/** One of a few words: a code of the kit's, or the error's class. */
function errorType(error: unknown): string {
  try {
    if (KitError.is(error)) return error.code
    if (error instanceof Error && /^[A-Za-z][\w.]{0,63}$/.test(error.name)) return error.name
  } catch {
    // A proxy may throw where it is looked at.
  }
  return '_OTHER'
}

/** Which server the connection has now. */
export function serverAttributes(connection: Connection): Attributes {
  if (connection.state !== 'connected') return {}
  const [, address, port] = /^\[?(.*?)\]?:(\d+)$/.exec(connection.client.getServer()) ?? []
  return address === undefined ? {} : { 'server.address': address, 'server.port': Number(port) }
}

function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
