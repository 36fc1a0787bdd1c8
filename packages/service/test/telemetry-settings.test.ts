import { expect, test } from 'vitest'
import { readTelemetrySettings } from '../src/telemetry/telemetry-settings.ts'

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }

test.each([
  {},
  { OTEL_SERVICE_NAME: 'x', OTEL_TRACES_SAMPLER: 'always_on' },
  { OTEL_EXPORTER_OTLP_ENDPOINT: ' ' },
  { ...ENDPOINT, OTEL_SDK_DISABLED: 'true' },
  { ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' },
])('nobody asks for anything by %j', (environment) => {
  expect(readTelemetrySettings(environment)).toEqual({ traces: undefined, metrics: undefined, ignored: [] })
})

test.each([
  ENDPOINT,
  { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://collector/v1/traces' },
  { OTEL_TRACES_EXPORTER: 'otlp' },
  { ...ENDPOINT, OTEL_SDK_DISABLED: 'false' },
])('traces are asked for by %j, with the standard’s defaults', (environment) => {
  expect(readTelemetrySettings(environment)).toEqual({
    traces: {
      protocol: 'http/protobuf',
      sampler: 'parentbased_always_on',
      ratio: 1,
      maxQueueSize: 2_048,
      maxExportBatchSize: 512,
      scheduledDelayMillis: 5_000,
      exportTimeoutMillis: 30_000,
    },
    metrics: undefined,
    ignored: [],
  })
})

test('metrics are asked for by name', () => {
  const { traces, metrics } = readTelemetrySettings({
    OTEL_METRICS_EXPORTER: 'otlp',
    OTEL_METRIC_EXPORT_INTERVAL: '500',
  })
  expect([traces, metrics]).toEqual([undefined, { intervalMs: 500 }])
})

test('what cannot be used is told, and something else is done', () => {
  const { traces, ignored } = readTelemetrySettings({
    ...ENDPOINT,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_TRACES_SAMPLER: 'sometimes',
    OTEL_TRACES_SAMPLER_ARG: '2',
    OTEL_BSP_MAX_QUEUE_SIZE: '0',
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '5000',
  })
  expect(traces).toMatchObject({
    protocol: 'http/protobuf',
    sampler: 'parentbased_always_on',
    ratio: 1,
    maxQueueSize: 2_048,
  })
  expect(traces?.maxExportBatchSize).toBe(2_048)
  expect(ignored).toEqual([
    'OTEL_BSP_MAX_QUEUE_SIZE must be a whole number from 1 to 65536, not "0"; 2048 is used',
    'OTEL_EXPORTER_OTLP_PROTOCOL must be one of http/protobuf, http/json, not "grpc"; http/protobuf is used',
    'OTEL_TRACES_SAMPLER must be one of always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio, not "sometimes"; parentbased_always_on is used',
    'OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, not "2"; 1 is used',
  ])
})

test.each([
  [
    'collector:4318',
    'OTEL_EXPORTER_OTLP_ENDPOINT must be an address as http://127.0.0.1:4318, not "collector:4318"; nothing is sent there',
  ],
  [
    'http://user:hunter2@collector:4318',
    'OTEL_EXPORTER_OTLP_ENDPOINT must not hold credentials; give them in OTEL_EXPORTER_OTLP_HEADERS; nothing is sent there',
  ],
])('the address %s is not used', (address, why) => {
  const settings = readTelemetrySettings({ OTEL_EXPORTER_OTLP_ENDPOINT: address })
  expect(settings).toEqual({ traces: undefined, metrics: undefined, ignored: [why] })
})
