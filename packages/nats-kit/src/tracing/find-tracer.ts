import { trace, type Tracer, type TracerProvider } from '@opentelemetry/api'

/** The version of OpenTelemetry's semantic conventions that names and attributes follow. */
export const SEMANTIC_CONVENTIONS = '1.45.0'

/** The API's own provider, which stands for the one that is registered later. */
interface StandIn {
  getDelegateTracer?(name: string, version?: string, options?: { readonly schemaUrl: string }): Tracer | undefined
}

/**
 * The tracer of the OpenTelemetry SDK that is registered in this process; undefined without one. It is asked for once,
 * when a publisher or a subscriber is made, so that without an SDK no message costs anything.
 */
export function findTracer(name = '@alarm-bus/nats-kit'): Tracer | undefined {
  const provider: TracerProvider & StandIn = trace.getTracerProvider()
  const options = { schemaUrl: `https://opentelemetry.io/schemas/${SEMANTIC_CONVENTIONS}` }
  // Without an SDK the API hands out a tracer all the same, whose spans are objects that nobody sees.
  if (provider.getDelegateTracer) return provider.getDelegateTracer(name, undefined, options)
  return provider.getTracer(name, undefined, options)
}
