import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { alarmToBot, contracts } from '@alarm-bus/contracts'
import { connect } from '@alarm-bus/nats-kit'
import { redriveDeadLetters } from '@alarm-bus/nats-kit/admin'
import { collectLogs, waitFor } from '@alarm-bus/nats-kit/testing'
import { startStack } from '@alarm-bus/ops/stack'
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '@alarm-bus/service/testing'
import { expect, onTestFinished, test } from 'vitest'
import { DEADLINE_MS } from './harness.ts'

const KINDS = ['', 'internal', 'server', 'client', 'producer', 'consumer']
const { subject } = alarmToBot
const MESSAGES = '/channels/alarm-to-bot/messages'

interface Node {
  readonly span: string
  readonly children: readonly Node[]
}

/** A trace as one tree, what lies beside each other by name. */
function treesOf(spans: readonly ReceivedSpan[]): readonly Node[] {
  const below = (parents: (span: ReceivedSpan) => boolean): readonly Node[] =>
    spans
      .filter(parents)
      .map((span) => ({
        span: `${span.service} ${KINDS[span.kind]} ${span.name}${span.status.code === 2 ? ' failed' : ''}`,
        children: below(({ parentSpanId }) => parentSpanId === span.spanId),
      }))
      .sort((a, b) => (a.span < b.span ? -1 : 1))
  return below(({ parentSpanId }) => !spans.some(({ spanId }) => spanId === parentSpanId))
}

const leaf = (span: string, ...children: readonly Node[]): Node => ({ span, children })

function collected(receiver: OtlpReceiver, what: string, count: number, matches: (span: ReceivedSpan) => boolean) {
  return waitFor(
    () => {
      const found = receiver.spans.filter(matches)
      return found.length >= count ? found : undefined
    },
    { what, deadlineMs: DEADLINE_MS },
  )
}

test(
  'an alarm is one trace from its request to everyone who handles it; a retry and a redrive link to it',
  { timeout: 3 * DEADLINE_MS },
  async () => {
    // A chat service that answers so, one answer after the other.
    const answers = [500, 204, 400]
    const chat = createServer((request, response) =>
      request.resume().on('end', () => response.writeHead(answers.shift() ?? 204).end()),
    )
    await once(chat.listen(0, '127.0.0.1'), 'listening')
    onTestFinished(() => void chat.close())
    await using receiver = await startOtlpReceiver()
    await using stack = await startStack({
      settings: {
        ALARM_SINKS: 'slack',
        ALARM_SLACK_URL: `http://127.0.0.1:${(chat.address() as AddressInfo).port}/hook/secret-of-slack`,
        ALARM_ALLOW_HTTP: 'true',
        ALARM_PRIVATE_HOSTS: '127.0.0.1',
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
        OTEL_BSP_SCHEDULE_DELAY: '50',
      },
    })
    const publish = async (message: string): Promise<{ readonly id: string; readonly seq: number }> => {
      const response = await fetch(`${stack.producer.url}${MESSAGES}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ message }),
      })
      expect(response.status).toBe(202)
      return (await response.json()) as { readonly id: string; readonly seq: number }
    }
    const published = (seq: number) =>
      collected(
        receiver,
        `the publish of ${seq}`,
        1,
        ({ name, attributes }) => name === `publish ${subject}` && Number(attributes['nats.stream.sequence']) === seq,
      ).then(([span]) => span as ReceivedSpan)

    // The first try fails, the second one arrives.
    const first = await publish('disk is full')
    const { traceId, spanId } = await published(first.seq)
    const whole = await collected(receiver, 'the whole trace', 8, (span) => span.traceId === traceId)
    expect(treesOf(whole)).toEqual([
      leaf(
        `producer server POST ${MESSAGES}`,
        leaf(
          `producer producer publish ${subject}`,
          leaf(`alarm-consumer consumer process ${subject}`, leaf('alarm-consumer client send slack')),
          leaf(`alarm-consumer consumer process ${subject} failed`, leaf('alarm-consumer client send slack failed')),
          leaf(`log-consumer consumer process ${subject}`, leaf('log-consumer client INSERT logs')),
        ),
      ),
    ])
    const handled = whole.filter(({ name, service }) => name === `process ${subject}` && service === 'alarm-consumer')
    const [failed, arrived] = handled.sort((a, b) => a.links.length - b.links.length)
    expect(failed?.links.map((link) => link.spanId)).toEqual([spanId])
    expect(arrived?.links.map((link) => link.spanId)).toEqual([spanId, failed?.spanId])
    expect(failed?.attributes).toMatchObject({
      'messaging.system.name': 'nats',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': subject,
      'messaging.message.id': first.id,
      'nats.message.verdict': 'retry',
    })
    for (const [app, event, span] of [
      [stack.alarmConsumer, 'retryScheduled', failed],
      [stack.logConsumer, 'logStored', whole.find(({ name }) => name === 'INSERT logs')],
    ] as const) {
      const line = app.lines().find((each) => each.event === event && each['seq'] === first.seq)
      expect([line?.['trace_id'], whole.find((each) => each.spanId === line?.['span_id'])?.service]).toEqual([
        traceId,
        span?.service,
      ])
    }

    // What is published together and written together is each in its own trace: single messages, and those of a batch.
    const singles = Array.from({ length: 20 }, (_, index) => (index + 1).toString(16).padStart(32, '0'))
    const batch = 'f'.repeat(32)
    const send = (trace: string, path: string, type: string, body: string): Promise<string> =>
      fetch(`${stack.producer.url}/channels/alarm-to-log/${path}`, {
        method: 'POST',
        headers: { 'content-type': type, traceparent: `00-${trace}-${'b'.repeat(16)}-01` },
        body,
      }).then((response) => response.text())
    const textOf = (trace: string): string => `${JSON.stringify({ message: trace })}\n`
    await Promise.all([
      send(batch, 'messages:batch', 'application/x-ndjson', textOf(batch).repeat(40)),
      ...singles.map((trace) => send(trace, 'messages', 'application/json', textOf(trace))),
    ])
    const stored = await waitFor(
      () => {
        const lines = stack.logConsumer.lines().filter((line) => line.event === 'logStored')
        return lines.length === 1 + 60 ? lines.filter(({ channel }) => channel === 'alarm-to-log') : undefined
      },
      { what: 'the lines of many', deadlineMs: DEADLINE_MS },
    )
    expect(stored.map((line) => line['trace_id'])).toEqual(stored.map((line) => line['message']))

    // What became of it: a request to each app that handles the channel.
    const outcome = await fetch(`${stack.producer.url}${MESSAGES}/${first.id}`)
    expect(outcome.status).toBe(200)
    const asked = await collected(receiver, 'what was asked', 1, ({ name }) => name === `GET ${MESSAGES}/:id`)
    const answered = await collected(receiver, 'its trace', 5, (span) => span.traceId === asked[0]?.traceId)
    expect(treesOf(answered)).toMatchObject([
      {
        span: `producer server GET ${MESSAGES}/:id`,
        children: [
          { children: [{ span: expect.stringMatching(/^alarm-consumer server respond /) }] },
          { children: [{ span: expect.stringMatching(/^log-consumer server respond /) }] },
        ],
      },
    ])

    // Refused for good, then redriven: a trace of its own, days later as it may be.
    const second = await publish('refused by the chat')
    const origin = await published(second.seq)
    const admin = await connect(
      { servers: [stack.broker.url], name: 'admin', auth: { user: 'admin', password: 'dev-only-admin' } },
      { logger: collectLogs() },
    )
    onTestFinished(async () => void (await admin.close(2_000)))
    const { name: stream } = contracts.streamOf(alarmToBot)
    await waitFor(
      async () => (await redriveDeadLetters(admin, stream, {}, { dryRun: false })).redriven === 1 || undefined,
      { what: 'the redrive', deadlineMs: DEADLINE_MS },
    )
    const [redriven] = await collected(
      receiver,
      'the redriven delivery',
      1,
      ({ attributes }) => attributes['nats.message.redrive_count'] !== undefined,
    )
    expect(redriven?.parentSpanId).toBeUndefined()
    expect(redriven?.links.map((link) => [link.traceId, link.spanId])).toEqual([[origin.traceId, origin.spanId]])
    const again = await collected(receiver, 'its sink', 2, (span) => span.traceId === redriven?.traceId)
    expect(treesOf(again)).toEqual([
      leaf(`alarm-consumer consumer process ${subject}`, leaf('alarm-consumer client send slack')),
    ])
    expect(JSON.stringify(receiver.spans)).not.toContain('secret-of-slack')

    // The same in numbers.
    await fetch(`${stack.logConsumer.url}/logs?limit=1`)
    const numbers = async ({ url }: { readonly url: string }): Promise<readonly string[]> =>
      (await (await fetch(`${url}/metrics`)).text()).split('\n')
    expect(await numbers(stack.alarmConsumer)).toEqual(
      expect.arrayContaining([
        'alarm_bus_sink_duration_seconds_count{sink="slack",result="ok"} 2',
        'alarm_bus_sink_duration_seconds_count{sink="slack",result="failed"} 1',
        'alarm_bus_sink_duration_seconds_count{sink="slack",result="refused"} 1',
      ]),
    )
    expect(await numbers(stack.logConsumer)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^alarm_bus_store_write_duration_seconds_count{database="sqlite",result="ok"} \d+$/),
        `alarm_bus_store_rows_total ${2 + 60}`,
        'alarm_bus_log_read_duration_seconds_count{kind="page",result="ok"} 1',
        'alarm_bus_http_request_duration_seconds_count{method="GET",route="/logs",code="200"} 1',
      ]),
    )
    expect(await numbers(stack.producer)).toContain(
      `alarm_bus_http_request_duration_seconds_count{method="POST",route="${MESSAGES}",code="202"} 2`,
    )
  },
)
