import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { bareEnv, caught, closedUrl, listAll, listen, releaseFixture, tempDir } from '../test/fixtures.ts'
import type { ReleaseFixtureOptions } from '../test/fixtures.ts'
import { cachedBinary, cachedFolder } from './cache.ts'
import type { FindNatsServerOptions } from './find.ts'
import { findNatsServer } from './find.ts'

const FOLDER = 'pin-2.15.1-linux-x64'
const ARCHIVE = 'nats-server-v2.15.1-linux-amd64.tar.gz'
const isArchive = (path: string): boolean => path.endsWith('.tar.gz')

interface Attempt extends FindNatsServerOptions {
  readonly cacheDir: string
  readonly lines: string[]
}

function attempt(releasesUrl: string, more: FindNatsServerOptions = {}): Attempt {
  const lines: string[] = []
  const onProgress = (line: string): void => void lines.push(line)
  const env = bareEnv()
  // The fixture's archive is none that the repository pins.
  const own = { env, platform: 'linux', arch: 'x64', cacheDir: tempDir(), releaseHashes: {} }
  return { ...own, releasesUrl, onProgress, lines, ...more }
}

/** Fetches from a broken release; afterwards the cache must hold an empty folder and nothing else. */
async function failedFetch(fixture: ReleaseFixtureOptions, more: FindNatsServerOptions = {}) {
  const { url, requests } = await releaseFixture(fixture)
  const options = attempt(url, more)
  const error = await caught(findNatsServer(options))
  expect(listAll(options.cacheDir)).toEqual([FOLDER])
  return { error, requests, lines: options.lines }
}

test('fetches the official release into the cache, with progress, and leaves only the binary', async () => {
  const { url } = await releaseFixture()
  const options = attempt(url)
  const found = await findNatsServer(options)
  expect(found).toEqual({
    path: cachedBinary(cachedFolder(options.cacheDir, 'linux', 'x64'), 'linux'),
    version: '2.15.1',
    source: 'official release',
  })
  expect(listAll(options.cacheDir)).toEqual([FOLDER, `${FOLDER}/nats-server`])
  expect(options.lines.filter((line) => /: \d+% \(/.test(line)).length).toBeGreaterThan(1)
  expect(options.lines).toContainEqual(expect.stringMatching(/: 100% \(0\.4 of 0\.4 MB\)/))
})

test('a wrong checksum is an error of its own, without a second try', async () => {
  const { error, requests } = await failedFetch({
    answer: (path, response, archive) => {
      if (!isArchive(path)) return false
      const changed = Buffer.from(archive)
      changed[100] = (changed[100] ?? 0) ^ 1
      response.end(changed)
      return true
    },
  })
  expect(error.code).toBe('checksum_mismatch')
  expect(requests.filter(isArchive)).toHaveLength(1)
})

test('a pinned hash wins over the checksum beside the download, which is not asked for', async () => {
  const { url, requests } = await releaseFixture()
  const archive = Buffer.from(await (await fetch(`${url}/v2.15.1/${ARCHIVE}`)).arrayBuffer())
  const sum = createHash('sha256').update(archive).digest('hex')
  const options = attempt(url, { releaseHashes: { [ARCHIVE]: sum } })
  expect((await findNatsServer(options)).source).toBe('official release')
  expect(requests).not.toContain('/v2.15.1/SHA256SUMS')
  expect(options.lines.join('\n')).not.toContain('unpinned')

  // SHA256SUMS agrees with this archive: both were changed together.
  const { error } = await failedFetch({}, { releaseHashes: { [ARCHIVE]: 'a'.repeat(64) } })
  expect(error).toMatchObject({
    code: 'checksum_mismatch',
    message: expect.stringContaining(`pinned is ${'a'.repeat(64)}`),
  })
})

test('without a pinned hash it says so', async () => {
  const { url } = await releaseFixture()
  const options = attempt(url, { releaseHashes: { 'nats-server-v2.15.1-linux-arm64.tar.gz': 'a'.repeat(64) } })
  await findNatsServer(options)
  expect(options.lines).toContain(
    `unpinned: ${ARCHIVE} is held against ${url}/v2.15.1/SHA256SUMS, from where it comes itself`,
  )
})

test('a truncated file is tried once more, and is then an error of its own', async () => {
  const { error, requests } = await failedFetch({
    answer: (path, response, archive) => {
      if (!isArchive(path)) return false
      response.writeHead(200, { 'content-length': archive.length })
      response.write(archive.subarray(0, archive.length / 2), () => response.destroy())
      return true
    },
  })
  expect(error.code).toBe('truncated')
  expect(requests.filter(isArchive)).toHaveLength(2)
})

test('a file that is truncated once is whole at the second try', async () => {
  let answers = 0
  const { url } = await releaseFixture({
    answer: (path, response, archive) => {
      if (!isArchive(path) || answers++ > 0) return false
      response.writeHead(200, { 'content-length': archive.length })
      response.write(archive.subarray(0, 1000), () => response.destroy())
      return true
    },
  })
  expect((await findNatsServer(attempt(url))).source).toBe('official release')
})

test('a wrong version inside is an error of its own', async () => {
  const { error } = await failedFetch({ versionInside: '2.12.0' })
  expect(error).toMatchObject({ code: 'wrong_version', message: expect.stringMatching(/2\.12\.0, not 2\.15\.1/) })
})

test('a body above the limit is refused, announced or not', async () => {
  const limits = { maxBytes: 100_000 }
  expect((await failedFetch({}, { limits })).error.code).toBe('too_large')
  const answer: ReleaseFixtureOptions['answer'] = (path, response, archive) => {
    if (isArchive(path)) response.write(archive, () => response.end())
    return isArchive(path)
  }
  expect((await failedFetch({ answer }, { limits })).error.code).toBe('too_large')
})

test('an archive that cannot be unpacked is an error of its own', async () => {
  const junk = Buffer.from('junk')
  // The checksum is true, so that only unpacking can fail.
  const line = `${createHash('sha256').update(junk).digest('hex')}  ${ARCHIVE}\n`
  const { error } = await failedFetch({
    answer: (path, response) => {
      response.end(isArchive(path) ? junk : line)
      return true
    },
  })
  expect(error.code).toBe('bad_archive')
})

test('without a network, one error lists every way to get a binary', async () => {
  const options = attempt(await closedUrl())
  const error = await caught(findNatsServer(options))
  expect(error.code).toBe('not_available')
  const ways = [
    'no network to',
    'no apt-get',
    'docker compose up nats',
    'NATS_SERVER_BIN=',
    'PATH',
    'NATS_SERVER_RELEASES_URL=',
    'debian-archive-keyring',
    dirname(cachedBinary(cachedFolder(options.cacheDir, 'linux', 'x64'), 'linux')),
  ]
  for (const way of ways) expect(error.message).toContain(way)
  expect(listAll(options.cacheDir)).toEqual([FOLDER])
})

test('a release that is not there, a login page and a platform without a build are each named', async () => {
  const notFound: ReleaseFixtureOptions = { answer: (_, response) => !!response.writeHead(404).end() }
  expect((await failedFetch(notFound)).error.message).toContain('answered HTTP 404')
  const loginPage: ReleaseFixtureOptions = { answer: (_, response) => !!response.end('<html>log in</html>') }
  expect((await failedFetch(loginPage)).error.message).toContain('holds no checksums')
  const { url } = await releaseFixture()
  const error = await caught(findNatsServer(attempt(url, { arch: 'sparc' })))
  expect(error.message).toContain('no official release for linux on sparc')
})

test('a server that accepts and says nothing is given up soon', async () => {
  const url = await listen(createServer(() => {}))
  const error = await caught(findNatsServer(attempt(url, { limits: { connectTimeoutMs: 200 } })))
  expect(error.message).toContain('sent nothing more within 200 ms')
})

test('a body that stands still is given up', async () => {
  const { error } = await failedFetch(
    {
      answer: (path, response, archive) => {
        if (!isArchive(path)) return false
        response.writeHead(200, { 'content-length': archive.length })
        response.write(archive.subarray(0, 1000))
        return true
      },
    },
    { limits: { stallTimeoutMs: 200 } },
  )
  expect(error.message).toContain('sent nothing more within 200 ms')
})

test('of several that need a binary at once, one fetches', async () => {
  const { url, requests } = await releaseFixture()
  const options = attempt(url)
  const found = await Promise.all(Array.from({ length: 5 }, () => findNatsServer(options)))
  expect(new Set(found.map(({ path }) => path)).size).toBe(1)
  expect(found.map(({ source }) => source).filter((source) => source === 'official release')).toHaveLength(1)
  expect(requests.filter(isArchive)).toHaveLength(1)
  expect(listAll(options.cacheDir)).toEqual([FOLDER, `${FOLDER}/nats-server`])
})
