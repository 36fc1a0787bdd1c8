import { existsSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bareEnv, caught, closedUrl, fakeBinary, releaseFixture, tempDir } from '../test/fixtures.ts'
import { cacheDirectory, cachedBinary, cachedFolder } from './cache.ts'
import { findNatsServer } from './find.ts'

const linux = { platform: 'linux', arch: 'x64', onProgress: () => {} }

test('NATS_SERVER_BIN comes before PATH', async () => {
  const folder = tempDir()
  const named = fakeBinary(join(folder, 'named'), '2.14.0')
  fakeBinary(join(folder, 'bin', 'nats-server'), '2.15.1')
  const env = { ...bareEnv(join(folder, 'bin')), NATS_SERVER_BIN: named }
  expect(await findNatsServer({ ...linux, env })).toEqual({ path: named, version: '2.14.0', source: 'NATS_SERVER_BIN' })
})

test('a NATS_SERVER_BIN of no use is an error, also where PATH has a good one', async () => {
  const folder = tempDir()
  fakeBinary(join(folder, 'bin', 'nats-server'), '2.15.1')
  const find = (named: string) =>
    caught(findNatsServer({ ...linux, env: { ...bareEnv(join(folder, 'bin')), NATS_SERVER_BIN: named } }))
  const missing = await find(join(folder, 'missing'))
  expect(missing).toMatchObject({ code: 'bin_not_found', message: expect.stringContaining('NATS_SERVER_BIN') })
  const old = await find(fakeBinary(join(folder, 'old'), '2.10.0'))
  expect(old.code).toBe('wrong_version')
  expect(old.message).toMatch(/NATS_SERVER_BIN.*2\.10\.0.*2\.14\.0/)
  writeFileSync(join(folder, 'text'), 'not a program')
  expect((await find(join(folder, 'text'))).code).toBe('bin_not_found')
})

test('PATH comes before the cache; one that is too old is named and passed over', async () => {
  const [folder, cacheDir] = [tempDir(), tempDir()]
  fakeBinary(cachedBinary(cachedFolder(cacheDir, 'linux', 'x64'), 'linux'), '2.15.1')
  fakeBinary(join(folder, 'old', 'nats-server'), '2.13.9')
  const good = fakeBinary(join(folder, 'new', 'nats-server'), '2.14.2')
  const lines: string[] = []
  const find = (path: string) =>
    findNatsServer({ ...linux, cacheDir, env: bareEnv(path), onProgress: (line) => lines.push(line) })
  const both = await find(`${join(folder, 'old')}:${join(folder, 'new')}`)
  expect(both).toEqual({ path: good, version: '2.14.2', source: 'PATH' })
  expect(lines).toEqual([expect.stringMatching(/old\/nats-server is nats-server 2\.13\.9, below 2\.14\.0/)])
  expect((await find(join(folder, 'old'))).source).toBe('cache')
})

test('the cache is used also while another process fetches', async () => {
  const cacheDir = tempDir()
  const folder = cachedFolder(cacheDir, 'linux', 'x64')
  fakeBinary(cachedBinary(folder, 'linux'), '2.15.1')
  writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: process.pid, host: hostname(), id: 'held' }))
  expect((await findNatsServer({ ...linux, cacheDir, env: bareEnv(), lockTimeoutMs: 200 })).source).toBe('cache')
})

test('the cache is used without a network; a binary in it that does not run is fetched afresh', async () => {
  const cacheDir = tempDir()
  const path = fakeBinary(cachedBinary(cachedFolder(cacheDir, 'linux', 'x64'), 'linux'), '2.15.1')
  const env = bareEnv()
  expect((await findNatsServer({ ...linux, cacheDir, env, releasesUrl: await closedUrl() })).source).toBe('cache')
  writeFileSync(path, '')
  const { url, requests } = await releaseFixture()
  const fetched = await findNatsServer({ ...linux, cacheDir, env, releasesUrl: url, releaseHashes: {} })
  expect(fetched).toEqual({ path, version: '2.15.1', source: 'official release' })
  expect(requests).toHaveLength(2)
})

test('the settings of the environment name the cache and the releases', async () => {
  const cacheDir = tempDir()
  const { url } = await releaseFixture()
  const env = { ...bareEnv(), NATS_SERVER_CACHE: cacheDir, NATS_SERVER_RELEASES_URL: url }
  const found = await findNatsServer({ ...linux, env, releaseHashes: {} })
  expect(found.path.startsWith(cacheDir)).toBe(true)
  expect(existsSync(found.path)).toBe(true)
})

test('the cache directory of each platform', () => {
  expect(cacheDirectory({ HOME: '/h' }, 'linux')).toBe('/h/.cache/nats-server')
  expect(cacheDirectory({ HOME: '/h', XDG_CACHE_HOME: '/x' }, 'linux')).toBe('/x/nats-server')
  expect(cacheDirectory({ HOME: '/h', XDG_CACHE_HOME: '/x' }, 'darwin')).toBe('/h/Library/Caches/nats-server')
  expect(cacheDirectory({ HOME: '/h', NATS_SERVER_CACHE: '/c' }, 'linux')).toBe('/c')
})
