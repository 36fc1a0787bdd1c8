import { readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { startTestBroker, waitFor } from '@alarm-bus/nats-kit/testing'
import { expect, onTestFinished, test } from 'vitest'
import {
  appOf,
  brokerOf,
  DEADLINE_MS,
  devEnvironment,
  isReady,
  livingProcessesOf,
  repository,
  startDev,
  untilNothingIsLeft,
  untilReady,
} from './harness.ts'

const { packageManager } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
  packageManager: string
}
const ONE_APP = ['pnpm', 'turbo', 'run', 'dev', '--filter=log-consumer']

test('one banner names everything that listens, and its curl line reaches both consumers', async () => {
  const env = await devEnvironment()
  const dev = startDev(env)
  const banner = await untilReady(dev)
  for (const name of ['NATS', 'PRODUCER', 'ALARM_CONSUMER', 'LOG_CONSUMER', 'CONSOLE']) {
    expect(banner).toContain(`://127.0.0.1:${env[`${name}_PORT`]}`)
  }
  const [, url = '', body = ''] = /curl -i (\S+) -H 'content-type: application\/json' -d '(.*)'/.exec(banner) ?? []
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  expect(response.status).toBe(202)
  const { id } = (await response.json()) as { id: string }
  for (const event of ['alarmHandled', 'logStored']) {
    await waitFor(() =>
      dev
        .output()
        .split('\n')
        .some((line) => line.includes(id) && line.includes(`"event":"${event}"`)),
    )
  }
  expect(dev.output().match(/The alarm bus is ready/g)).toHaveLength(1)
  const rightsOf = (path: string): number => statSync(path).mode & 0o777
  const files = [join(env.ALARM_BUS_DEV_DIR, 'nats-server.log'), env['LOG_SQLITE_PATH'] as string]
  expect(files.map(rightsOf)).toEqual([0o600, 0o600])
})

test('a filter starts that app and the broker alone; a second dev uses that broker, and takes over when it goes', async () => {
  const env = await devEnvironment()
  const first = startDev(env, ONE_APP)
  const banner = await untilReady(first)
  expect(banner).toContain('log-consumer')
  expect(banner).not.toMatch(/producer|alarm-consumer|curl/)
  const broker = brokerOf(env.ALARM_BUS_DEV_DIR)

  const second = startDev(env, ['pnpm', 'turbo', 'run', 'dev', '--filter=alarm-consumer'])
  await untilReady(second)
  expect(second.output()).toContain(`using the broker at ${broker.url}`)
  expect(brokerOf(env.ALARM_BUS_DEV_DIR)).toEqual(broker)

  first.child.kill('SIGTERM')
  await first.exited
  const takenOver = await waitFor(() => brokerOf(env.ALARM_BUS_DEV_DIR), { deadlineMs: DEADLINE_MS })
  expect(takenOver.url).toBe(broker.url)
  expect(takenOver.pid).not.toBe(broker.pid)
  const { url } = appOf(env.ALARM_BUS_DEV_DIR, 'alarm-consumer')
  await waitFor(() => isReady(url), { what: 'readiness on the new broker', deadlineMs: DEADLINE_MS })
})

test('with LOG_FORMAT=pretty the apps log for a person', async () => {
  const env = { ...(await devEnvironment()), LOG_FORMAT: 'pretty' }
  const dev = startDev(env, ONE_APP)
  await untilReady(dev)
  // oxlint-disable-next-line no-control-regex
  const output = dev.output().replace(/\u001b\[\d+m/g, '')
  expect(output).toMatch(/^log-consumer:dev: \[\d\d:\d\d:\d\d\.\d{3}\] INFO: listening on http/m)
  expect(output).not.toContain('"level":')
})

test('a taken port is named, with the variable that changes it, and nothing stays', async () => {
  const env = await devEnvironment()
  const holder = createServer().listen(Number(env['NATS_PORT']), '127.0.0.1')
  await once(holder, 'listening')
  onTestFinished(() => void holder.close())
  const dev = startDev(env)
  expect((await dev.exited).code).not.toBe(0)
  expect(dev.output()).toContain(`port ${env['NATS_PORT']} is taken by another process; set NATS_PORT to another port`)
  await untilNothingIsLeft(env.ALARM_BUS_DEV_DIR)
})

test('with NATS_SERVERS that broker is used, gets the missing streams, and outlives dev', async () => {
  await using broker = await startTestBroker()
  const env = { ...(await devEnvironment()), NATS_SERVERS: broker.url }
  const dev = startDev(env, ONE_APP)
  expect(await untilReady(dev)).toContain(broker.url)
  expect(dev.output()).toContain('none is started')
  expect(dev.output()).toContain('BASQUIAT_STREAM: created')
  expect(() => brokerOf(env.ALARM_BUS_DEV_DIR)).toThrow('ENOENT')
  dev.child.kill('SIGTERM')
  await dev.exited
  await untilNothingIsLeft(env.ALARM_BUS_DEV_DIR)
  const response = await fetch(new URL('/healthz', broker.monitorUrl))
  expect(response.status).toBe(200)
})

/** What a person, a supervisor or the system does to end it. */
const ENDINGS = {
  'Ctrl-C, which goes to the whole process group': (pid: number): void => void process.kill(-pid, 'SIGINT'),
  'SIGTERM to what was typed': (pid: number): void => void process.kill(pid, 'SIGTERM'),
  'SIGKILL of what was typed': (pid: number): void => void process.kill(pid, 'SIGKILL'),
  'SIGKILL of turbo': (_: number, turboPid: number): void => void process.kill(turboPid, 'SIGKILL'),
}

for (const [how, end] of Object.entries(ENDINGS)) {
  test(`${how} leaves no process behind`, async () => {
    const env = await devEnvironment()
    const dev = startDev(env, ['npx', '--yes', packageManager, 'dev'])
    await untilReady(dev)
    const { turboPid } = appOf(env.ALARM_BUS_DEV_DIR, 'producer')
    expect(turboPid).toBeGreaterThan(0)
    // The broker, and the watcher and the app of each of the three, at the least.
    expect(livingProcessesOf(env.ALARM_BUS_DEV_DIR).length).toBeGreaterThan(7)
    end(dev.pid, turboPid ?? 0)
    await untilNothingIsLeft(env.ALARM_BUS_DEV_DIR)
    // Each app had the time to hand in its last acks.
    expect(dev.output()).not.toMatch(/"level":"(error|fatal)"|ended by itself/)
  })
}
