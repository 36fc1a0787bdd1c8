import type { Environment } from '@alarm-bus/environment'

const PROTOCOLS = ['http/protobuf', 'http/json'] as const
const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const

export type OtlpProtocol = (typeof PROTOCOLS)[number]

export interface TraceSettings {
  readonly protocol: OtlpProtocol
  readonly sampler: (typeof SAMPLERS)[number]
  /** Share of traces for the samplers by ratio, from 0 to 1. */
  readonly ratio: number
  readonly maxQueueSize: number
  readonly maxExportBatchSize: number
  readonly scheduledDelayMillis: number
  readonly exportTimeoutMillis: number
}

/** What OpenTelemetry's standard variables ask for. */
export interface TelemetrySettings {
  /** Undefined where nobody asks for traces. */
  readonly traces: TraceSettings | undefined
  readonly metrics: { readonly intervalMs: number } | undefined
  /** Variables that cannot be used as they are, each with what is done instead. */
  readonly ignored: readonly string[]
}

/**
 * Reads `OTEL_*`. What the exporters read by themselves (headers, timeouts, compression, certificates, and the
 * resource's attributes) is not looked at here. A bad value is told and not fatal, as OpenTelemetry asks: an app
 * that works does not stay down for its traces.
 */
export function readTelemetrySettings(environment: Environment): TelemetrySettings {
  const ignored: string[] = []
  const text = (name: string): string | undefined => environment[name]?.trim() || undefined
  const oneOf = <T extends string>(name: string, known: readonly T[], otherwise: T): T => {
    const given = text(name)
    if (given === undefined) return otherwise
    const found = known.find((each) => each === given)
    if (!found) ignored.push(`${name} must be one of ${known.join(', ')}, not ${shown(given)}; ${otherwise} is used`)
    return found ?? otherwise
  }
  const number = (name: string, otherwise: number, max: number, isWhole = true): number => {
    const given = text(name)
    if (given === undefined) return otherwise
    const value = Number(given)
    if (value >= 0 && value <= max && (!isWhole || (Number.isInteger(value) && value > 0))) return value
    const allowed = isWhole ? `a whole number from 1 to ${max}` : `a number from 0 to ${max}`
    ignored.push(`${name} must be ${allowed}, not ${shown(given)}; ${otherwise} is used`)
    return otherwise
  }
  /** Whether there is an address for a signal that can be used. */
  const address = (signal: string): boolean => {
    const name = [`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`, 'OTEL_EXPORTER_OTLP_ENDPOINT'].find((each) => text(each))
    if (name === undefined) return true
    const why = addressFault(text(name) ?? '')
    if (why !== undefined) ignored.push(`${name} ${why}; nothing is sent there`)
    return why === undefined
  }
  const exporter = (signal: string, isAsked: boolean): boolean => {
    const otherwise = isAsked ? 'otlp' : 'none'
    return oneOf(`OTEL_${signal}_EXPORTER`, ['otlp', 'none'], otherwise) === 'otlp' && address(signal)
  }

  if (text('OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return { traces: undefined, metrics: undefined, ignored }
  const isAsked = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'].some((name) => text(name))
  const hasTraces = exporter('TRACES', isAsked)
  // A place for traces alone would refuse metrics once a minute, and /metrics has them: they are asked for by name.
  const hasMetrics = exporter('METRICS', text('OTEL_EXPORTER_OTLP_METRICS_ENDPOINT') !== undefined)
  const traces = (): TraceSettings => {
    const protocol = text('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL')
      ? 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'
      : 'OTEL_EXPORTER_OTLP_PROTOCOL'
    const maxQueueSize = number('OTEL_BSP_MAX_QUEUE_SIZE', 2_048, 65_536)
    return {
      protocol: oneOf(protocol, PROTOCOLS, 'http/protobuf'),
      sampler: oneOf('OTEL_TRACES_SAMPLER', SAMPLERS, 'parentbased_always_on'),
      ratio: number('OTEL_TRACES_SAMPLER_ARG', 1, 1, false),
      maxQueueSize,
      maxExportBatchSize: Math.min(maxQueueSize, number('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 512, 65_536)),
      scheduledDelayMillis: number('OTEL_BSP_SCHEDULE_DELAY', 5_000, 600_000),
      exportTimeoutMillis: number('OTEL_BSP_EXPORT_TIMEOUT', 30_000, 600_000),
    }
  }
  return {
    traces: hasTraces ? traces() : undefined,
    metrics: hasMetrics ? { intervalMs: number('OTEL_METRIC_EXPORT_INTERVAL', 60_000, 3_600_000) } : undefined,
    ignored,
  }
}

function addressFault(given: string): string | undefined {
  const url = URL.parse(given)
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    return `must be an address as http://127.0.0.1:4318, not ${shown(given)}`
  }
  // The exporter's own errors name the address.
  if (url.username !== '' || url.password !== '')
    return 'must not hold credentials; give them in OTEL_EXPORTER_OTLP_HEADERS'
  return undefined
}

function shown(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value)
}
