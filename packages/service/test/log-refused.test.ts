import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { createServer } from 'node:net'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { expect, onTestFinished, test } from 'vitest'

const FIXTURE = new URL('fixtures/service.ts', import.meta.url).pathname

/** A port on which nothing listens, as good as certain for the time of a test. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** The fixture with a standard output that refuses every write as a full disk does. Linux has it. */
async function startOnFullDisk(environment: Readonly<Record<string, string>>) {
  const full = openSync('/dev/full', 'w')
  const port = await freePort()
  const child = spawn(process.execPath, ['--conditions=@alarm-bus/source', FIXTURE], {
    env: {
      PATH: process.env['PATH'],
      FIXTURE_PORT: String(port),
      STREAMS: 'apply',
      NATS_SERVERS: `nats://127.0.0.1:${await freePort()}`,
      ...environment,
    },
    stdio: ['ignore', full, 'ignore'],
  })
  closeSync(full)
  onTestFinished(() => void child.kill('SIGKILL'))
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  return { child, ended, port }
}

test('a disk that takes no more of the log ends no app', async () => {
  const { child, ended, port } = await startOnFullDisk({ NODE_ENV: 'test' })
  let hasEnded = false
  void ended.then(() => (hasEnded = true))
  const isLive = async () => hasEnded || (await fetch(`http://127.0.0.1:${port}/livez`)).ok
  await waitFor(isLive, { what: 'it is live', deadlineMs: 30_000 })
  expect(hasEnded).toBe(false)
  child.kill('SIGTERM')
  expect(await ended).toBe(0)
})

test('what ends an app ends it also where it cannot be said', async () => {
  const { ended } = await startOnFullDisk({ NODE_ENV: 'production' })
  expect(await ended).toBe(1)
})
