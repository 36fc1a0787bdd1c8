import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import type { Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { NatsServerError } from '../src/errors.ts'

/** A directory that is gone after the test. */
export function tempDir(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nats-server-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A script that runs with /bin/sh. */
export function writeScript(path: string, body: string): string {
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, `#!/bin/sh\n${body}\n`)
  chmodSync(path, 0o755)
  return path
}

/** A script that prints a version as nats-server does, and does nothing else. */
export function fakeBinary(path: string, version: string): string {
  return writeScript(path, `echo 'nats-server: v${version}'`)
}

/** An environment in which no nats-server and no apt is found; `tar` and the like still are, in the process itself. */
export function bareEnv(path = '/nonexistent'): NodeJS.ProcessEnv {
  return { PATH: path, HOME: '/nonexistent' }
}

/** Every file and directory below a folder, but those that are expected to stay. */
export function listAll(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted()
}

export async function caught(promise: Promise<unknown>): Promise<NatsServerError> {
  const error: unknown = await promise.then(
    (value) => new Error(`nothing was thrown, but returned: ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  )
  if (error instanceof NatsServerError) return error
  throw error
}

export interface ReleaseFixture {
  readonly url: string
  /** Paths that were asked for, in order. */
  readonly requests: string[]
}

export interface ReleaseFixtureOptions {
  /** Version that the binary in the archive prints. */
  readonly versionInside?: string
  /** Answers in place of the good file; return true when it did. */
  readonly answer?: (path: string, response: ServerResponse, archive: Buffer) => boolean
}

/** An HTTP server with a release of the pinned version for linux-x64, laid out as the project's own. */
export async function releaseFixture(options: ReleaseFixtureOptions = {}): Promise<ReleaseFixture> {
  const stem = 'nats-server-v2.15.1-linux-amd64'
  const folder = tempDir()
  fakeBinary(join(folder, stem, 'nats-server'), options.versionInside ?? '2.15.1')
  // Bytes that do not compress, so that the archive is large enough to be sent in several pieces.
  writeFileSync(join(folder, stem, 'LICENSE'), createHash('shake256', { outputLength: 400_000 }).digest())
  execFileSync('tar', ['-czf', `${stem}.tar.gz`, stem], { cwd: folder })
  const archive = readFileSync(join(folder, `${stem}.tar.gz`))
  const sum = createHash('sha256').update(archive).digest('hex')
  const requests: string[] = []
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    requests.push(path)
    if (options.answer?.(path, response, archive)) return
    if (path === `/v2.15.1/${stem}.tar.gz`) response.setHeader('content-length', archive.length).end(archive)
    else if (path === '/v2.15.1/SHA256SUMS') response.end(`${'0'.repeat(64)}  other.zip\n${sum}  ${stem}.tar.gz\n`)
    else response.writeHead(404).end()
  })
  return { url: await listen(server), requests }
}

export async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** An address at which nothing listens. */
export async function closedUrl(): Promise<string> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return `http://127.0.0.1:${port}`
}
