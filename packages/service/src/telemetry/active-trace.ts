import { findTracer, inSpan } from '@alarm-bus/nats-kit'
import { type Attributes, context, isSpanContextValid, SpanKind, trace, type Tracer } from '@opentelemetry/api'

const NAME = '@alarm-bus/service'

/** Of the SDK that is registered; undefined without one. */
export function serviceTracer(): Tracer | undefined {
  return findTracer(NAME)
}

/** As OpenTelemetry names them in lines of a log. Empty outside of a span. */
export function activeTraceIds(): { readonly trace_id?: string; readonly span_id?: string } {
  const active = trace.getActiveSpan()?.spanContext()
  return active && isSpanContextValid(active) ? { trace_id: active.traceId, span_id: active.spanId } : {}
}

/** Calls another service in a span of its own. Without an SDK it calls it, and that is all. */
export function inClientSpan<T>(name: string, attributes: Attributes, call: () => Promise<T>): Promise<T> {
  const tracer = serviceTracer()
  if (!tracer) return call()
  return Promise.resolve(inSpan(tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }), call))
}

/**
 * For work that is done later together with others': what runs in it belongs to the trace that is active now. Undefined
 * without an SDK.
 */
export function inTraceOfNow(): (<T>(run: () => T) => T) | undefined {
  if (!serviceTracer()) return undefined
  const now = context.active()
  return (run) => context.with(now, run)
}
