import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { startStack } from '@alarm-bus/ops/stack'
import { expect, onTestFinished, test } from 'vitest'
import { debianTool } from './debian-tool.ts'
import { type Command, DEADLINE_MS, repository, run } from './harness.ts'

const FOLDER = join(repository, 'observability')
const rules = readFileSync(join(FOLDER, 'alert-rules.yml'), 'utf8')
const dashboard = readFileSync(join(FOLDER, 'dashboard.json'), 'utf8')
const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name)
/** What nothing but an app can say; `up` is Prometheus's own. */
const SERIES = /\b(?:alarm_bus|nodejs|process)_\w+/g

test(
  'promtool accepts rules and configuration, and each rule begins and ends as its test says',
  { timeout: 3 * DEADLINE_MS },
  async () => {
    const promtool = await debianTool('promtool')
    for (const [what, file] of [
      ['check', 'rules', 'alert-rules.yml'],
      ['check', 'config', 'prometheus.yml'],
      ['test', 'rules', 'alert-rules.test.yml'],
    ].map((words) => [words.slice(0, 2), words[2]] as const)) {
      const ran = run([promtool, ...what, String(file)], {}, FOLDER)
      expect((await ran.exited).code, ran.output()).toBe(0)
    }
  },
)

test('each rule has its test, and says what to do in both languages', () => {
  const tests = readFileSync(join(FOLDER, 'alert-rules.test.yml'), 'utf8')
  for (const file of ['docs/alerts.md', 'docs/alerts.ko.md']) {
    const text = readFileSync(join(repository, file), 'utf8')
    expect([...text.matchAll(/^## (\w+)$/gm)].map(([, name]) => name)).toEqual(alerts)
  }
  for (const name of alerts) {
    expect(rules).toContain(`runbook: docs/alerts.md#${name.toLowerCase()}`)
    expect(tests).toMatch(new RegExp(`alertname: ${name}\\b`))
  }
})

interface PrometheusAlert {
  readonly state: 'pending' | 'firing'
  readonly labels: Readonly<Record<string, string>>
}

test(
  'every series that rules and dashboard name is one of the apps’, and faults of the real apps raise their alerts and no others',
  { timeout: 3 * DEADLINE_MS },
  async () => {
    // A chat service that takes nothing, when told so.
    let status = 204
    const sink = createServer((request, response) => request.resume().on('end', () => response.writeHead(status).end()))
    await once(sink.listen(0, '127.0.0.1'), 'listening')
    onTestFinished(() => void sink.close())
    const settings = {
      ALARM_SINKS: 'slack',
      ALARM_SLACK_URL: `http://127.0.0.1:${(sink.address() as AddressInfo).port}/hook`,
      ALARM_ALLOW_HTTP: 'true',
      ALARM_PRIVATE_HOSTS: '127.0.0.1',
    }
    await using stack = await startStack({ settings })
    const apps = [stack.producer, stack.alarmConsumer, stack.logConsumer]
    const texts = await Promise.all(apps.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()))
    const known = new Set(texts.join('\n').match(/(?<=^# TYPE )\w+/gm))
    const named = [...`${rules}\n${dashboard}`.matchAll(SERIES)].map(([name]) => name.replace(/_(bucket|count)$/, ''))
    expect(named.length).toBeGreaterThan(20)
    expect([...new Set(named)].filter((name) => !known.has(name))).toEqual([])

    const prometheus = await startPrometheus(apps.map(({ url }) => new URL(url).host))
    const firing = async (): Promise<readonly string[]> => {
      const found = (await prometheus.ask('alerts')) as { readonly alerts: readonly PrometheusAlert[] }
      return found.alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels['alertname'] ?? '')
    }
    const until = (name: string, what: string): Promise<unknown> =>
      waitFor(async () => (await firing()).includes(name), { what, deadlineMs: DEADLINE_MS })
    const untilQuiet = (): Promise<unknown> =>
      waitFor(async () => (await firing()).length === 0, { what: 'no alert', deadlineMs: DEADLINE_MS })
    await waitFor(async () => (await prometheus.value('sum(up)')) === '3', {
      what: 'three targets',
      deadlineMs: DEADLINE_MS,
    })
    await untilQuiet()

    status = 400
    const published = await fetch(`${stack.producer.url}/channels/alarm-to-bot/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"message":"refused by the chat"}',
    })
    expect(published.status).toBe(202)
    await until('AlarmBusDeadLetters', 'the alert of the dead letter')
    status = 204
    await untilQuiet()

    // A process that stands still answers nobody.
    process.kill(stack.logConsumer.pid, 'SIGSTOP')
    try {
      await until('AlarmBusAppDown', 'the alert of the app that does not answer')
      expect(new Set(await firing())).toEqual(new Set(['AlarmBusAppDown']))
    } finally {
      process.kill(stack.logConsumer.pid, 'SIGCONT')
    }
    await untilQuiet()
  },
)

/** A real Prometheus with the rules of the repository, in which minutes are seconds. */
async function startPrometheus(targets: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'alarm-bus-prometheus-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const quick = rules.replaceAll(/\b(\d+)m\b/g, '$1s')
  writeFileSync(join(folder, 'rules.yml'), quick)
  writeFileSync(
    join(folder, 'prometheus.yml'),
    [
      'global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }',
      'rule_files: [rules.yml]',
      `scrape_configs: [{ job_name: alarm-bus, static_configs: [{ targets: ${JSON.stringify(targets)} }] }]`,
    ].join('\n'),
  )
  const running = run(
    [
      await debianTool('prometheus'),
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      '--web.listen-address=127.0.0.1:0',
    ],
    {},
    folder,
  )
  onTestFinished(async () => {
    running.child.kill('SIGKILL')
    await running.exited
  })
  const port = await listeningPort(running)
  const ask = async (path: string): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)
    return ((await response.json()) as { readonly data: unknown }).data
  }
  const value = async (query: string): Promise<string | undefined> => {
    const data = (await ask(`query?query=${encodeURIComponent(query)}`)) as {
      readonly result: readonly { readonly value: readonly [number, string] }[]
    }
    return data.result[0]?.value[1]
  }
  return { ask, value }
}

function listeningPort(prometheus: Command): Promise<string> {
  const line = /Listening on.*address=\S*?:(\d+)/
  return waitFor(() => line.exec(prometheus.output())?.[1], { what: 'Prometheus listens', deadlineMs: DEADLINE_MS })
}
