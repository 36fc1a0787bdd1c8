import { type NatsServer, startTestBroker, waitFor } from '@alarm-bus/nats-kit/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AppProcess, type OtlpReceiver, type ReceivedPoint, startApp, startOtlpReceiver } from '../src/testing.ts'

const FIXTURE = new URL('fixtures/service.ts', import.meta.url)
const FOREIGN = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) }
interface Histogram {
  readonly bucketCounts: readonly number[]
  readonly explicitBounds: readonly number[]
}

const PASSWORD = 'hunter2'

let broker: NatsServer
beforeAll(async () => {
  broker = await startTestBroker()
})
afterAll(async () => broker.stop())

function startFixture(environment: Readonly<Record<string, string>> = {}): AppProcess {
  return startApp(FIXTURE, { FIXTURE_PORT: '0', STREAMS: 'apply', NATS_SERVERS: broker.url, ...environment })
}

function sendingTo({ url }: Pick<OtlpReceiver, 'url'>): Readonly<Record<string, string>> {
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=${PASSWORD}`,
  }
}

/** A request within the trace of somebody else. */
async function call(app: AppProcess, path: string): Promise<number> {
  const traceparent = `00-${FOREIGN.traceId}-${FOREIGN.spanId}-01`
  return (await fetch(`${await app.url()}${path}`, { headers: { traceparent } })).status
}

describe('traces', () => {
  test('of requests go on their callers’, are in the lines of the log, and the last ones are sent at the end', async () => {
    await using receiver = await startOtlpReceiver()
    await using app = startFixture({ ...sendingTo(receiver), OTEL_SERVICE_NAME: 'named' })
    await app.line('ready')
    expect(await call(app, '/log-secrets?password=hunter2')).toBe(200)
    expect(await call(app, '/livez')).toBe(200)
    expect(await call(app, '/nowhere')).toBe(404)
    const line = await app.line('secrets')
    app.signal('SIGTERM')
    expect(await app.exit()).toEqual({ code: 0, signal: null })
    expect(receiver.spans.map(({ name }) => name)).toEqual(['GET /log-secrets', 'GET'])
    const [span] = receiver.spans
    expect(span).toMatchObject({ service: 'named', kind: 2, traceId: FOREIGN.traceId, parentSpanId: FOREIGN.spanId })
    expect(span?.attributes).toEqual({
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'http.route': '/log-secrets',
      'url.path': '/log-secrets',
      'url.scheme': 'http',
      'alarm_bus.request_id': expect.any(String),
    })
    expect([line['trace_id'], line['span_id']]).toEqual([span?.traceId, span?.spanId])
    expect(JSON.stringify(app.lines)).not.toContain(PASSWORD)
  })

  test('are off unless asked for: no line has an id, and the SDK is not loaded', async () => {
    const told = `import { registerHooks } from 'node:module'
      registerHooks({ resolve(specifier, context, next) {
        if (/opentelemetry\\/(sdk|exporter|context-async)/.test(specifier)) console.log(JSON.stringify({ event: 'sdkLoaded', specifier }))
        return next(specifier, context)
      } })`
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(told)}`
    await using app = startFixture({ NODE_OPTIONS })
    await app.line('ready')
    expect(await call(app, '/log-secrets')).toBe(200)
    const line = await app.line('secrets')
    expect(Object.keys(line)).not.toContain('trace_id')
    expect(app.lines.filter(({ event }) => event === 'sdkLoaded')).toEqual([])
    await using on = startFixture({ NODE_OPTIONS, OTEL_TRACES_EXPORTER: 'otlp' })
    await on.line('sdkLoaded')
    await on.line('telemetryOn')
  })

  test.each([
    ['never answers', 'never'],
    ['refuses', 500],
    ['is not there', undefined],
  ] as const)('of a collector that %s hold up neither requests nor the end', async (_, answer) => {
    const receiver = await startOtlpReceiver(answer ?? 200)
    // A port that was free a moment ago.
    if (answer === undefined) await receiver[Symbol.asyncDispose]()
    const small = { OTEL_BSP_MAX_QUEUE_SIZE: '4', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '2', OTEL_BSP_SCHEDULE_DELAY: '10' }
    await using app = startFixture({ ...sendingTo(receiver), ...small, SHUTDOWN_TIMEOUT_MS: '5000' })
    await app.line('ready')
    for (let sent = 0; sent < 20; sent++) expect(await call(app, '/log-secrets')).toBe(200)
    if (answer !== undefined) await waitFor(() => receiver.requests > 0, { what: 'an export' })
    app.signal('SIGTERM')
    expect(await app.exit()).toEqual({ code: 0, signal: null })
    expect(await app.line('stopped')).toMatchObject({ clean: true })
    const lost = app.lines.filter(({ event }) => event === 'telemetryFailed' || event === 'telemetryLost')
    expect(lost.length).toBeGreaterThan(0)
    expect(lost.length).toBeLessThan(15)
    expect(JSON.stringify(app.lines)).not.toContain(PASSWORD)
    if (answer !== undefined) await receiver[Symbol.asyncDispose]()
  })

  test('of a value that cannot be used are told, and the app runs', async () => {
    await using app = startFixture({ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector' })
    await app.line('ready')
    expect(await app.line('telemetrySetting')).toMatchObject({
      level: 'warn',
      msg: expect.stringContaining('"collector"'),
    })
  })
})

test('metrics go by OTLP as /metrics has them, where they are asked for by name', async () => {
  await using receiver = await startOtlpReceiver()
  await using app = startFixture({
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${receiver.url}/v1/metrics`,
    OTEL_METRIC_EXPORT_INTERVAL: '50',
  })
  await app.line('ready')
  for (const path of ['/log-secrets', '/nowhere', '/readyz']) await fetch(`${await app.url()}${path}`)
  const text = await (await fetch(`${await app.url()}/metrics`)).text()
  const requests = text.split('\n').filter((line) => line.startsWith('alarm_bus_http_request_duration_seconds_count'))
  expect(requests).toEqual([
    'alarm_bus_http_request_duration_seconds_count{method="GET",route="/log-secrets",code="200"} 1',
    'alarm_bus_http_request_duration_seconds_count{method="GET",route="none",code="404"} 1',
  ])
  const sent = (name: string) => receiver.points.filter((point) => point.name === name)
  await waitFor(() => sent('alarm_bus_http_request_duration_seconds').length === 2, { what: 'both routes by OTLP' })
  const [first] = sent('alarm_bus_http_request_duration_seconds')
  expect(first).toMatchObject({
    service: 'fixture',
    attributes: { method: 'GET', route: '/log-secrets', code: '200' },
    value: { count: 1, sum: expect.any(Number) },
  })
  const { bucketCounts, explicitBounds } = (first as ReceivedPoint).value as Histogram
  expect(explicitBounds).toHaveLength(13)
  expect(bucketCounts.reduce((sum, count) => sum + Number(count), 0)).toBe(1)
  expect(sent('alarm_bus_app_info')).toMatchObject([{ attributes: { app: 'fixture' }, value: 1 }])
  const names = new Set(receiver.points.map(({ name }) => name))
  const missing = [...text.matchAll(/^# TYPE (\w+) (?:counter|gauge|histogram)$/gm)].flatMap(([, name = '']) =>
    text.match(new RegExp(`^${name}(_count)?[ {]`, 'm')) && !names.has(name) ? [name] : [],
  )
  expect(missing).toEqual([])
})
