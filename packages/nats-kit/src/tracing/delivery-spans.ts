import { context, ROOT_CONTEXT, type Span, type SpanContext, SpanKind, trace, type Tracer } from '@opentelemetry/api'
import type { Outcome, Verdict } from '../handling/decide.ts'
import type { Envelope } from '../handling/envelope.ts'
import { isUnrun } from '../handling/handler-result.ts'
import { fail, remoteParent, startSpan } from './spans.ts'
import { readTraceHeaders } from './trace-headers.ts'

/** Messages whose next delivery is linked to the one before, at most. */
const MAX_REMEMBERED = 1_000

/**
 * One span for each delivery that its handler is called for, a child of the span that published the message. The next
 * delivery of a message links to the one before, where this process had both. A redriven message begins a trace of its
 * own, which links to the one of its original: days may lie between them.
 */
export class DeliverySpans {
  readonly #tracer: Tracer
  readonly #open = new WeakMap<Envelope, Span>()
  /** By the message's key. */
  readonly #before = new Map<string, SpanContext>()

  constructor(tracer: Tracer) {
    this.#tracer = tracer
  }

  /** Runs the handler, and what it begins, in its delivery's span. */
  run(envelope: Envelope, handle: () => void): void {
    const span = this.#begin(envelope)
    this.#open.set(envelope, span)
    context.with(trace.setSpan(ROOT_CONTEXT, span), handle)
  }

  /** Called once it is decided what becomes of the message; nothing for one whose handler did not begin. */
  ended(envelope: Envelope, outcome: Outcome, verdict: Verdict): void {
    const span = this.#open.get(envelope)
    if (span === undefined) return
    this.#open.delete(envelope)
    if (verdict.kind !== 'ack') span.setAttribute('nats.message.verdict', verdict.kind)
    if (verdict.kind === 'retry' || verdict.kind === 'give_back') this.#remember(envelope.key, span.spanContext())
    if (outcome.kind === 'handled' || isUnrun(outcome)) return span.end()
    if (verdict.kind === 'dead_letter') return fail(span, verdict.error, verdict.reason)
    if (outcome.kind === 'failed') return fail(span, outcome.error)
    fail(span, outcome.kind, outcome.kind)
  }

  #begin(envelope: Envelope): Span {
    const { subject, id, stream, seq, consumer, deliveryCount, redriven } = envelope
    const published = readTraceHeaders((name) => envelope.header(name))
    const before = this.#before.get(envelope.key)
    this.#before.delete(envelope.key)
    return startSpan(
      this.#tracer,
      {
        kind: SpanKind.CONSUMER,
        operation: 'process',
        type: 'process',
        subject,
        attributes: {
          'messaging.consumer.group.name': consumer,
          'messaging.message.body.size': envelope.data.length,
          ...(id !== undefined && { 'messaging.message.id': id }),
          'nats.stream.name': stream,
          'nats.stream.sequence': seq,
          'nats.message.delivery_count': deliveryCount,
          ...(redriven && { 'nats.message.redrive_count': redriven.count }),
        },
        links: [published, before].filter((link) => link !== undefined),
      },
      remoteParent(redriven ? before : published),
    )
  }

  #remember(key: string, span: SpanContext): void {
    this.#before.set(key, span)
    if (this.#before.size > MAX_REMEMBERED) this.#before.delete(this.#before.keys().next().value as string)
  }
}
