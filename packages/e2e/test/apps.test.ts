import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { type AppProcess, type Stack, startStack } from '@alarm-bus/ops/stack'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { repository } from './harness.ts'

let stack: Stack

beforeAll(async () => {
  stack = await startStack()
})

afterAll(() => stack[Symbol.asyncDispose]())

async function post(channel: string, body: object, query = ''): Promise<{ readonly id: string; readonly seq: number }> {
  const response = await fetch(`${stack.producer.url}/channels/${channel}/messages${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  expect(response.status).toBe(202)
  return (await response.json()) as { id: string; seq: number }
}

function handled(app: AppProcess, event: string, id: string): number {
  return app.lines().filter((line) => line.event === event && line['id'] === id).length
}

test('each of 20 alarms for the bot reaches both apps once, and an alarm for the log only the log-consumer', async () => {
  const { alarmConsumer, logConsumer } = stack
  const forLog = await post('alarm-to-log', { message: 'backup done', extra: 'host db-2' })
  const forBot = await Promise.all(
    Array.from({ length: 20 }, (_, index) => post('alarm-to-bot', { message: `alarm ${index}` })),
  )
  const last = await post('alarm-to-bot', { message: 'the last one' })
  await waitFor(() =>
    forBot
      .concat(last)
      .every(({ id }) => handled(alarmConsumer, 'alarmHandled', id) > 0 && handled(logConsumer, 'logStored', id) > 0),
  )
  await waitFor(() => handled(logConsumer, 'logStored', forLog.id) > 0)

  for (const { id } of forBot) {
    expect(handled(alarmConsumer, 'alarmHandled', id)).toBe(1)
    expect(handled(logConsumer, 'logStored', id)).toBe(1)
  }
  expect(handled(logConsumer, 'logStored', forLog.id)).toBe(1)
  // What was sent after it has been handled, so it would have come by now.
  expect(handled(alarmConsumer, 'alarmHandled', forLog.id)).toBe(0)
  const line = logConsumer.lines().find((one) => one['id'] === forLog.id)
  expect(line).toMatchObject({ channel: 'alarm-to-log', message: 'backup done', seq: forLog.seq })
})

test('an alarm for later reaches both apps at its time, and one that was taken back neither', async () => {
  const { producer, alarmConsumer, logConsumer } = stack
  const later = await post('alarm-to-bot', { message: 'later' }, '?delaySeconds=1')
  const takenBack = await post('alarm-to-bot', { message: 'never' }, '?delaySeconds=2')
  const last = await post('alarm-to-bot', { message: 'last' }, '?delaySeconds=3')
  const url = `${producer.url}/channels/alarm-to-bot/schedules/${takenBack.id}`
  expect((await fetch(url, { method: 'DELETE' })).status).toBe(204)
  for (const { id } of [later, last])
    await waitFor(() => handled(alarmConsumer, 'alarmHandled', id) > 0 && handled(logConsumer, 'logStored', id) > 0, {
      deadlineMs: 20_000,
    })
  expect(handled(alarmConsumer, 'alarmHandled', later.id)).toBe(1)
  expect(handled(alarmConsumer, 'alarmHandled', takenBack.id)).toBe(0)
})

test.each(['producer', 'alarm-consumer', 'log-consumer'])(
  '%s says its version in logs, /readyz, metrics and its connection’s name',
  async (name) => {
    const app = [stack.producer, stack.alarmConsumer, stack.logConsumer].find((one) => one.name === name)
    const { version } = JSON.parse(readFileSync(join(repository, 'apps', name, 'package.json'), 'utf8')) as {
      readonly version: string
    }
    expect(app?.lines().every((line) => line['version'] === version)).toBe(true)
    expect(await (await fetch(`${app?.url}/readyz`)).json()).toMatchObject({ app: name, version })
    const metrics = await (await fetch(`${app?.url}/metrics`)).text()
    expect(metrics).toContain(`alarm_bus_app_info{app="${name}",version="${version}"} 1`)
    const { connections } = (await (await fetch(`${stack.broker.monitorUrl}/connz`)).json()) as {
      readonly connections: readonly { readonly name: string }[]
    }
    expect(connections.map((connection) => connection.name)).toContain(`${name}@${version}`)
  },
)

test('SIGTERM ends each app with 0, and nothing is logged as an error', async () => {
  for (const app of [stack.producer, stack.alarmConsumer, stack.logConsumer]) {
    expect(await app.stop(), app.name).toEqual({ code: 0, signal: null })
    expect(app.lines().filter((line) => line['level'] === 'error' || line['level'] === 'fatal')).toEqual([])
  }
})
