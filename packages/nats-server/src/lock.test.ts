import { execFile, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { bareEnv, caught, listAll, releaseFixture, tempDir } from '../test/fixtures.ts'
import { withLock } from './lock.ts'

const run = promisify(execFile)
const script = join(import.meta.dirname, '..', 'test', 'find-in-process.ts')
const brief = { waitTimeoutMs: 300, onWait: () => {} }

test('of several processes, one fetches and the others wait for it', async () => {
  const { url, requests } = await releaseFixture()
  const cacheDir = tempDir()
  const options = { cacheDir, releasesUrl: url, releaseHashes: {}, env: bareEnv(), platform: 'linux', arch: 'x64' }
  const processes = Array.from({ length: 3 }, () => run(process.execPath, [script, JSON.stringify(options)]))
  const found = (await Promise.all(processes)).map(({ stdout }) => JSON.parse(stdout))
  expect(found.map(({ version }) => version)).toEqual(['2.15.1', '2.15.1', '2.15.1'])
  expect(requests.filter((path) => path.endsWith('.tar.gz'))).toHaveLength(1)
  expect(listAll(cacheDir)).toEqual(['pin-2.15.1-linux-x64', 'pin-2.15.1-linux-x64/nats-server'])
})

test('a holder that lives is waited for until the deadline', async () => {
  const path = join(tempDir(), 'lock')
  let waits = 0
  await withLock(path, brief, async () => {
    const second = withLock(path, { ...brief, onWait: () => void waits++ }, async () => 'entered')
    expect(await caught(second)).toMatchObject({ code: 'lock_timeout', message: expect.stringContaining(path) })
  })
  expect(waits).toBe(1)
  expect(existsSync(path)).toBe(false)
})

test('the lock of a process that has died is taken over', async () => {
  const path = join(tempDir(), 'lock')
  const { pid } = spawnSync(process.execPath, ['--version'])
  writeFileSync(path, JSON.stringify({ pid, host: hostname(), id: 'gone' }))
  expect(await withLock(path, brief, async () => readFileSync(path, 'utf8'))).toContain(`"pid":${process.pid}`)
})

test('a lock of another machine is taken over once its heartbeat is old', async () => {
  const path = join(tempDir(), 'lock')
  writeFileSync(path, JSON.stringify({ pid: 1, host: 'elsewhere.example', id: 'old' }))
  expect((await caught(withLock(path, brief, async () => {}))).code).toBe('lock_timeout')
  const old = new Date(Date.now() - 120_000)
  utimesSync(path, old, old)
  expect(await withLock(path, brief, async () => 'entered')).toBe('entered')
})

test('the lock is released after an error', async () => {
  const path = join(tempDir(), 'lock')
  await expect(withLock(path, brief, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(existsSync(path)).toBe(false)
})
