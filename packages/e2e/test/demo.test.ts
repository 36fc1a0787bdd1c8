import { expect, onTestFinished, test } from 'vitest'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { run } from './harness.ts'

async function isRefused(url: string): Promise<boolean> {
  try {
    await fetch(url.replace('nats://', 'http://'))
    return false
  } catch (error) {
    return ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'ECONNREFUSED'
  }
}

function addresses(output: string): readonly string[] {
  return output.match(/(?:nats|http):\/\/127\.0\.0\.1:\d+/g) ?? []
}

test('pnpm demo tells what each app did, ends with 0, and nothing of it still listens', async () => {
  const demo = run(['pnpm', 'demo'])
  const { code } = await demo.exited
  expect(code, demo.output()).toBe(0)
  expect(demo.output()).toMatch(/log-consumer +wrote it down: "Nightly backup/)
  expect(demo.output()).toMatch(/alarm-consumer +handled it: "Disk of db-2/)
  expect(demo.output()).toMatch(/log-consumer +wrote it down: "Disk of db-2/)
  expect(addresses(demo.output())).toHaveLength(4)
  for (const url of addresses(demo.output())) expect(await isRefused(url), url).toBe(true)
})

test('pnpm demo that cannot start says why and ends with 1', async () => {
  const demo = run(['pnpm', 'demo'], { NATS_SERVER_BIN: '/no/such/nats-server' })
  expect((await demo.exited).code).toBe(1)
  expect(demo.output()).toContain('demo failed: NATS_SERVER_BIN names /no/such/nats-server')
})

test('pnpm demo that is told to end half-way ends everything', async () => {
  const demo = run(['pnpm', 'demo'])
  onTestFinished(() => void demo.child.kill('SIGKILL'))
  await waitFor(() => addresses(demo.output()).length > 0, { deadlineMs: 60_000 })
  demo.child.kill('SIGTERM')
  const { code, signal } = await demo.exited
  expect(code === 0 && signal === null, demo.output()).toBe(false)
  for (const url of addresses(demo.output())) await waitFor(() => isRefused(url), { what: `the end of ${url}` })
})
