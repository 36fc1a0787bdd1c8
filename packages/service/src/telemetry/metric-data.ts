import type { HrTime, ValueType } from '@opentelemetry/api'
import { emptyResource } from '@opentelemetry/resources'
import {
  AggregationTemporality,
  type CollectionResult,
  DataPointType,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics'
import type { Metrics } from '../metrics/create-metrics.ts'

type Family = Awaited<ReturnType<Metrics['collect']>>[number]
type Sample = Family['values'][number]
const DOUBLE: ValueType = 1

/** What `/metrics` says, as OpenTelemetry's exporters take it: one registry, two ways out of it. */
export function producerOf(source: () => Metrics | undefined): MetricProducer {
  const startTime = hrTime(performance.timeOrigin)
  return {
    async collect(): Promise<CollectionResult> {
      const families = (await source()?.collect()) ?? []
      const endTime = hrTime(Date.now())
      const metrics = families.flatMap((family) => metricOf(family, { startTime, endTime }) ?? [])
      return {
        resourceMetrics: {
          resource: emptyResource(),
          scopeMetrics: [{ scope: { name: '@alarm-bus/service' }, metrics }],
        },
        errors: [],
      }
    },
  }
}

interface Times {
  readonly startTime: HrTime
  readonly endTime: HrTime
}

/** Undefined for a summary, which no exporter of OpenTelemetry's sends; there is none. */
function metricOf(family: Family, times: Times): MetricData | undefined {
  const { name, help: description, values } = family
  const type = String(family.type)
  const descriptor = { name, description, unit: unitOf(name), valueType: DOUBLE }
  const common = { descriptor, aggregationTemporality: AggregationTemporality.CUMULATIVE }
  const point = <T>(labels: Sample['labels'], value: T) => ({ ...times, attributes: attributesOf(labels), value })
  const points = (): { attributes: Record<string, string>; value: number; startTime: HrTime; endTime: HrTime }[] =>
    values.map(({ labels, value }) => point(labels, value))
  if (type === 'counter')
    return { ...common, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints: points() }
  if (type === 'gauge') return { ...common, dataPointType: DataPointType.GAUGE, dataPoints: points() }
  if (type !== 'histogram') return undefined
  const dataPoints = seriesOf(values).map((samples) => {
    const { labels = {} } = samples[0] ?? {}
    return point(labels, histogramOf(name, samples))
  })
  return { ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints }
}

/** The samples of a histogram with the same labels but for the bucket's bound. */
function seriesOf(values: readonly Sample[]): readonly (readonly Sample[])[] {
  const series = new Map<string, Sample[]>()
  for (const sample of values) {
    const key = JSON.stringify(Object.entries(attributesOf(sample.labels)).sort())
    const known = series.get(key)
    if (known) known.push(sample)
    else series.set(key, [sample])
  }
  return [...series.values()]
}

/** Prometheus counts what is at most the bound; OpenTelemetry what lies between two. */
function histogramOf(name: string, samples: readonly (Sample & { readonly metricName?: string })[]) {
  const buckets = samples
    .filter(({ metricName }) => metricName === `${name}_bucket`)
    .map(({ labels, value }) => ({ bound: Number(String(labels['le']).replace('+Inf', 'Infinity')), value }))
    .sort((a, b) => a.bound - b.bound)
  const of = (suffix: string): number =>
    samples.find(({ metricName }) => metricName === `${name}_${suffix}`)?.value ?? 0
  return {
    buckets: {
      boundaries: buckets.map(({ bound }) => bound).filter(Number.isFinite),
      counts: buckets.map(({ value }, index) => value - (buckets[index - 1]?.value ?? 0)),
    },
    sum: of('sum'),
    count: of('count'),
  }
}

function attributesOf(labels: Sample['labels']): Record<string, string> {
  const entries = Object.entries(labels).filter(([label, value]) => label !== 'le' && value !== undefined)
  return Object.fromEntries(entries.map(([label, value]) => [label, String(value)]))
}

function unitOf(name: string): string {
  if (/_seconds(_total)?$/.test(name)) return 's'
  return /_bytes(_total)?$/.test(name) ? 'By' : ''
}

function hrTime(ms: number): HrTime {
  return [Math.floor(ms / 1_000), Math.round((ms % 1_000) * 1e6)]
}
