import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

/** One span as OTLP's JSON has it, with its attributes as one object and the service that sent it. */
export interface ReceivedSpan {
  readonly service: string
  readonly scope: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  /** 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number
  readonly attributes: Readonly<Record<string, unknown>>
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
  /** 2 is an error. */
  readonly status: { readonly code?: number; readonly message?: string }
}

export interface ReceivedPoint {
  readonly service: string
  readonly name: string
  readonly attributes: Readonly<Record<string, unknown>>
  readonly value: unknown
}

/** A collector that takes OTLP over HTTP in JSON and keeps all of it. */
export interface OtlpReceiver extends AsyncDisposable {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string
  /** Requests that came, answered or not. */
  readonly requests: number
  readonly spans: readonly ReceivedSpan[]
  /** Of the metrics that came last from each service. */
  readonly points: readonly ReceivedPoint[]
}

/** @param answer the status of each answer, or `never`. Default 200. */
export async function startOtlpReceiver(answer: number | 'never' = 200): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = []
  const points = new Map<string, readonly ReceivedPoint[]>()
  let requests = 0
  const server = createServer((request, response) => {
    requests++
    if (answer === 'never') return
    void json(request)
      .then((body) => {
        if (answer !== 200) return
        if (request.url === '/v1/traces') spans.push(...spansOf(body as Traces))
        else if (request.url === '/v1/metrics') {
          for (const [service, found] of pointsOf(body as Metrics)) points.set(service, found)
        }
      })
      .catch(() => undefined)
      .finally(() => response.writeHead(answer, { 'content-type': 'application/json' }).end('{}'))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get requests() {
      return requests
    },
    spans,
    get points() {
      return [...points.values()].flat()
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

type Value = Readonly<Record<string, unknown>>
interface Attributed {
  readonly attributes?: readonly { readonly key: string; readonly value: Value }[]
}
type Sent<Item> = Attributed & Item
interface Resource {
  readonly resource: Attributed
}
interface Traces {
  readonly resourceSpans: readonly (Resource & {
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string }
      readonly spans: readonly Sent<Omit<ReceivedSpan, 'attributes' | 'service' | 'scope'>>[]
    }[]
  })[]
}
interface Points {
  readonly dataPoints: readonly Sent<Value>[]
}
interface Metrics {
  readonly resourceMetrics: readonly (Resource & {
    readonly scopeMetrics: readonly {
      readonly metrics: readonly ({ readonly name: string } & Partial<Record<'sum' | 'gauge' | 'histogram', Points>>)[]
    }[]
  })[]
}

function spansOf({ resourceSpans }: Traces): readonly ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ scope, spans }) =>
      spans.map((span) => ({
        ...span,
        links: span.links ?? [],
        status: span.status ?? {},
        attributes: attributesOf(span),
        scope: scope.name,
        service: String(attributesOf(resource)['service.name']),
      })),
    ),
  )
}

function pointsOf({ resourceMetrics }: Metrics): readonly (readonly [string, readonly ReceivedPoint[]])[] {
  return resourceMetrics.map(({ resource, scopeMetrics }) => {
    const service = String(attributesOf(resource)['service.name'])
    const points = scopeMetrics.flatMap(({ metrics }) =>
      metrics.flatMap(({ name, sum, gauge, histogram }) =>
        ((sum ?? gauge ?? histogram)?.dataPoints ?? []).map(({ attributes, ...value }) => ({
          service,
          name,
          attributes: attributesOf({ attributes } as Attributed),
          value: value['asDouble'] ?? value['asInt'] ?? value,
        })),
      ),
    )
    return [service, points]
  })
}

function attributesOf({ attributes = [] }: Attributed): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
}
