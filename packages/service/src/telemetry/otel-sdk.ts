import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import {
  defaultResource,
  detectResources,
  envDetector,
  type Resource,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { ServiceConfig } from '../config/service-config.ts'
import type { TelemetrySettings, TraceSettings } from './telemetry-settings.ts'

/** Bounds what one span holds: a value that others wrote may be long. */
const SPAN_LIMITS = {
  attributeValueLengthLimit: 2_048,
  attributeCountLimit: 64,
  linkCountLimit: 128,
  eventCountLimit: 32,
}

/** Registers the SDK for this process. The only module that loads it. */
export function startSdk(
  identity: Pick<ServiceConfig, 'app' | 'version'>,
  { traces }: Pick<TelemetrySettings, 'traces' | 'metrics'>,
): { stop(): Promise<void> } {
  const resource = resourceOf(identity)
  const provider = traces && startTraces(resource, traces)
  return {
    async stop() {
      await provider?.shutdown()
    },
  }
}

/** OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come before what the app says of itself. */
function resourceOf({ app, version }: Pick<ServiceConfig, 'app' | 'version'>): Resource {
  return defaultResource()
    .merge(
      resourceFromAttributes({ 'service.name': app, 'service.version': version, 'service.namespace': 'alarm-bus' }),
    )
    .merge(detectResources({ detectors: [envDetector] }))
}

function startTraces(resource: Resource, settings: TraceSettings): TracerProvider {
  const exporter = settings.protocol === 'http/json' ? new JsonExporter() : new ProtobufExporter()
  const { maxQueueSize, maxExportBatchSize, scheduledDelayMillis, exportTimeoutMillis } = settings
  const provider = new TracerProvider({
    resource,
    sampler: samplerOf(settings),
    spanLimits: SPAN_LIMITS,
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        maxQueueSize,
        maxExportBatchSize,
        scheduledDelayMillis,
        exportTimeoutMillis,
      }),
    ],
  })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  trace.setGlobalTracerProvider(provider)
  return provider
}

function samplerOf({ sampler, ratio }: TraceSettings): Sampler {
  const root = sampler.endsWith('always_on')
    ? new AlwaysOnSampler()
    : sampler.endsWith('always_off')
      ? new AlwaysOffSampler()
      : new TraceIdRatioBasedSampler(ratio)
  return sampler.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root
}
