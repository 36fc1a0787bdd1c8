import { type Attributes, type Span, SpanKind, type Tracer } from '@opentelemetry/api'
import { isTraceHeader } from '../codec/headers.ts'
import type { Connection } from '../connection/connection.ts'
import type {
  MessagePublisher,
  PublishOptions,
  PublishReceipt,
  SentReceipt,
  StoredPublisher,
} from '../publish/publisher.ts'
import type { ScheduleReceipt } from '../schedules/scheduler.ts'
import { inSpan, serverAttributes, startSpan } from './spans.ts'
import { readTraceHeaders, traceHeaders } from './trace-headers.ts'

type Headers = NonNullable<PublishOptions['headers']>

interface Sent {
  readonly span: Span
  readonly headers: Headers
}

/**
 * Gives each message the context of the span that publishes it. A valid context that the caller has put among the headers
 * stays, and the span links to it; an invalid one is replaced.
 */
export function traceSending<Receipt extends SentReceipt>(
  publish: MessagePublisher<Receipt>['publish'],
  tracer: Tracer,
  connection: Connection,
  prefix = '',
): MessagePublisher<Receipt>['publish'] {
  return (channel, message, options) => {
    const sent = begin(tracer, connection, () => ({ subject: prefix + channel.subject, headers: options?.headers }))
    if (!sent) return publish(channel, message, options)
    const { span, headers } = sent
    return finish(span, () => publish(channel, message, { ...options, headers }), receiptAttributes)
  }
}

/** The same for what is stored: one span a call, whose context all messages of a batch or a stream carry. */
export function traceStoring<Publisher extends StoredPublisher>(
  publisher: Publisher,
  tracer: Tracer,
  connection: Connection,
): Publisher {
  const traced: StoredPublisher = {
    publish: traceSending(publisher.publish, tracer, connection),
    publishMany(channel, messages, options) {
      const sent = begin(tracer, connection, () => ({
        subject: channel.subject,
        headers: options?.headers,
        attributes: { 'messaging.batch.message_count': messages.length },
      }))
      if (!sent) return publisher.publishMany(channel, messages, options)
      const { span, headers } = sent
      return finish(
        span,
        () => publisher.publishMany(channel, messages, { ...options, headers }),
        ({ stream, lastSeq }) => storedAttributes(stream, lastSeq),
      )
    },
    publishStream(channel, messages, options) {
      const sent = begin(tracer, connection, () => ({ subject: channel.subject, headers: options?.headers }))
      if (!sent) return publisher.publishStream(channel, messages, options)
      const { span, headers } = sent
      return finish(
        span,
        () => publisher.publishStream(channel, messages, { ...options, headers }),
        ({ stream, lastSeq, count }) => ({
          'messaging.batch.message_count': count,
          ...storedAttributes(stream, lastSeq),
        }),
      )
    },
    // The delivery that falls due carries the context of the span that scheduled it.
    schedule(channel, message, when, options) {
      const sent = begin(tracer, connection, () => ({ subject: channel.subject, headers: options?.headers }))
      if (!sent) return publisher.schedule(channel, message, when, options)
      const { span, headers } = sent
      return finish(span, () => publisher.schedule(channel, message, when, { ...options, headers }), scheduleAttributes)
    },
    replace(channel, message, when, options) {
      const sent = begin(tracer, connection, () => ({ subject: channel.subject, headers: options?.headers }))
      if (!sent) return publisher.replace(channel, message, when, options)
      const { span, headers } = sent
      return finish(span, () => publisher.replace(channel, message, when, { ...options, headers }), scheduleAttributes)
    },
    cancel: publisher.cancel,
    schedules: publisher.schedules,
    close: publisher.close,
  }
  return { ...publisher, ...traced }
}

/** Undefined for what cannot be looked at: the publisher says what is wrong with it. */
function begin(
  tracer: Tracer,
  connection: Connection,
  describe: () => {
    readonly subject: string
    readonly headers: Headers | undefined
    readonly attributes?: Attributes
  },
): Sent | undefined {
  try {
    const { subject, headers, attributes } = describe()
    const own = headers === undefined ? undefined : readTraceHeaders((name) => textOf(headers[name]))
    const span = startSpan(tracer, {
      kind: SpanKind.PRODUCER,
      operation: 'publish',
      type: 'send',
      subject,
      attributes: { ...attributes, ...serverAttributes(connection) },
      ...(own && { links: [own] }),
    })
    return { span, headers: own && headers ? headers : withTrace(headers, span) }
  } catch {
    return undefined
  }
}

function finish<Receipt>(
  span: Span,
  publish: () => Promise<Receipt>,
  attributesOf: (receipt: Receipt) => Attributes,
): Promise<Receipt> {
  return Promise.resolve(
    inSpan(span, async () => {
      const receipt = await publish()
      span.setAttributes(attributesOf(receipt))
      return receipt
    }),
  )
}

/** The headers of a message or a request with the context of the span that sends it, in place of what is no valid one. */
export function withTrace(headers: Headers | undefined, span: Span): Headers {
  const others = Object.entries(headers ?? {}).filter(([name]) => !isTraceHeader(name))
  return { ...Object.fromEntries(others), ...traceHeaders(span.spanContext()) }
}

function receiptAttributes(receipt: SentReceipt & Partial<PublishReceipt>): Attributes {
  const { id, stream, seq, duplicate } = receipt
  return {
    'messaging.message.id': id,
    ...(stream !== undefined && seq !== undefined && storedAttributes(stream, seq)),
    ...(duplicate === true && { 'nats.message.duplicate': true }),
  }
}

function scheduleAttributes({ id }: ScheduleReceipt): Attributes {
  return { 'messaging.message.id': id }
}

function storedAttributes(stream: string, seq: number): Attributes {
  return { 'nats.stream.name': stream, 'nats.stream.sequence': seq }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
