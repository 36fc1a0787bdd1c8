import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http'
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import {
  defaultResource,
  detectResources,
  envDetector,
  type Resource,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
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
import type { Metrics } from '../metrics/create-metrics.ts'
import { producerOf } from './metric-data.ts'
import type { TelemetrySettings, TraceSettings } from './telemetry-settings.ts'

/** Bounds what one span holds: a value that others wrote may be long. */
const SPAN_LIMITS = {
  attributeValueLengthLimit: 2_048,
  attributeCountLimit: 64,
  linkCountLimit: 128,
  eventCountLimit: 32,
}

/** Registers the SDK for this process. The only module that loads it. @param source what is measured, once it is there. */
export function startSdk(
  identity: Pick<ServiceConfig, 'app' | 'version'>,
  { traces, metrics }: Pick<TelemetrySettings, 'traces' | 'metrics'>,
  source: () => Metrics | undefined,
): { stop(): Promise<void> } {
  const resource = resourceOf(identity)
  const tracers = traces && startTraces(resource, traces)
  const meters = metrics && startMetrics(resource, metrics.intervalMs, source)
  return {
    async stop() {
      const ends = await Promise.allSettled([tracers?.shutdown(), meters?.shutdown()])
      for (const end of ends) if (end.status === 'rejected') throw end.reason
    },
  }
}

/** In JSON, which every receiver of OTLP over HTTP takes. */
function startMetrics(resource: Resource, intervalMs: number, source: () => Metrics | undefined): MeterProvider {
  const reader = new PeriodicExportingMetricReader({
    exporter: new OTLPMetricExporter(),
    exportIntervalMillis: intervalMs,
    exportTimeoutMillis: Math.min(intervalMs, 30_000),
    metricProducers: [producerOf(source)],
  })
  return new MeterProvider({ resource, readers: [reader] })
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
