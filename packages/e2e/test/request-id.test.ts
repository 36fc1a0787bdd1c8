import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { alarmToBot, contracts } from '@alarm-bus/contracts'
import { DeadLetter, defineHandler, createBus } from '@alarm-bus/nats-kit'
import { collectLogs, waitFor } from '@alarm-bus/nats-kit/testing'
import { type AppProcess, startStack } from '@alarm-bus/ops/stack'
import { expect, test } from 'vitest'
import { repository } from './harness.ts'

test('a request’s id is in its answer, in the lines of both consumers, and in a dead letter', async () => {
  await using stack = await startStack()
  const { producer, alarmConsumer, logConsumer, broker } = stack

  const send = async (requestId: string): Promise<number> => {
    const response = await fetch(`${producer.url}/channels/alarm-to-bot/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': requestId },
      body: '{"message":"disk is full"}',
    })
    expect([response.status, response.headers.get('x-request-id')]).toEqual([202, requestId])
    return ((await response.json()) as { seq: number }).seq
  }
  const lineOf = (app: AppProcess, event: string, seq: number) =>
    waitFor(() => app.lines().find((line) => line.event === event && line['seq'] === seq), { what: `${event} ${seq}` })

  const handled = await send('from-caller-17')
  expect(await lineOf(alarmConsumer, 'alarmHandled', handled)).toMatchObject({ requestId: 'from-caller-17' })
  expect(await lineOf(logConsumer, 'logStored', handled)).toMatchObject({ requestId: 'from-caller-17' })

  // In the place of the app, one that cannot handle it.
  await alarmConsumer.stop()
  const logger = collectLogs()
  const user = 'alarm-consumer'
  const bus = createBus({
    contracts,
    logger,
    connection: { servers: [broker.url], name: user, auth: { user, password: `dev-only-${user}` } },
    streams: { mode: 'verify' },
    subscriber: {
      handlers: [
        defineHandler(alarmToBot, () => {
          throw new DeadLetter('nobody to tell')
        }),
      ],
    },
  })
  void bus.start()
  try {
    await waitFor(() => bus.health().ready, { what: 'the app that fails' })
    await send('from-caller-18')
    await waitFor(() => logger.lines.some((line) => JSON.stringify(line).includes('from-caller-18')), {
      what: 'the line about the dead letter',
    })
  } finally {
    await bus.stop(2_000)
  }
  const command = ['--conditions=@alarm-bus/source', `${repository}packages/ops/src/ops.ts`, 'dlq', 'show', '1']
  const admin = { NATS_SERVERS: broker.url, NATS_ADMIN_PASSWORD: 'dev-only-admin' }
  const env = { PATH: process.env['PATH'], NODE_ENV: 'test', ...admin }
  const { stdout } = await promisify(execFile)(process.execPath, command, { env })
  expect(stdout).toContain('Request-Id: from-caller-18')
})
