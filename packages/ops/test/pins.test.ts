import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { PINNED_VERSION } from '@alarm-bus/nats-server'
import { expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { HASHES_FILE } from '../src/pins/broker-hashes.ts'
import { runPins } from '../src/pins/run-pins.ts'
import { repository } from './harness.ts'
import { type FakeRegistry, sha256, startRegistry } from './image-registry.ts'
import { within } from './run-ops.ts'
import type { Ran } from './run-script.ts'

const ARCHIVE = `nats-server-v${PINNED_VERSION}-linux-amd64.tar.gz`
const SUMS = [
  `${sha256('archive').toUpperCase()}  ${ARCHIVE}`,
  `${sha256('zip')} *nats-server-v${PINNED_VERSION}-windows-amd64.zip`,
  `${sha256('package')}  nats-server-v${PINNED_VERSION}-amd64.deb`,
  `${sha256('evil')}  nats-server-v${PINNED_VERSION}-a-b'+process.exit()+'.zip`,
].join('\n')

class Checkout {
  readonly root = mkdtempSync(join(tmpdir(), 'alarm-bus-pins-'))

  constructor() {
    onTestFinished(() => rmSync(this.root, { recursive: true, force: true }))
  }

  read = (path: string): string => readFileSync(join(this.root, path), 'utf8')

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true })
    writeFileSync(join(this.root, path), text)
  }

  change(path: string, from: string | RegExp, to: string): void {
    const text = this.read(path)
    this.write(path, text.replace(from, to))
    if (this.read(path) === text) throw new Error(`${path} has no ${from}`)
  }

  check(): Promise<Ran> {
    return within((argv, output) => runPins(argv, output, this.root), ['--check'])
  }

  pin({ url }: FakeRegistry): Promise<Ran> {
    const places = ['docker.io', 'ghcr.io'].flatMap((host) => ['--registry', `${host}=${url}`])
    return within((argv, output) => runPins(argv, output, this.root), [...places, '--releases', `${url}/`])
  }
}

/** Two files that name an image, and what else is asked for. */
function smallCheckout(): Checkout {
  const checkout = new Checkout()
  checkout.write('package.json', '{ "packageManager": "pnpm@12.21.0" }')
  checkout.write('apps/one/Dockerfile', 'FROM node:26-slim AS build\nRUN npx --yes pnpm@12 install\nFROM build\n')
  checkout.write('docker-compose.yml', 'services:\n  one:\n    image: "docker.io/library/node:26-slim"\n')
  checkout.write(HASHES_FILE, 'export const RELEASE_HASHES: Readonly<Record<string, string>> = {}\n')
  return checkout
}

async function pinned(): Promise<Checkout> {
  const checkout = smallCheckout()
  expect((await checkout.pin(await startRegistry(SUMS))).err).toBe('')
  return checkout
}

test('every image, archive and pnpm of this repository gets pinned', async () => {
  const checkout = new Checkout()
  const dockerfiles = globSync(['apps/*/Dockerfile', 'packages/*/Dockerfile'], { cwd: repository })
  expect(dockerfiles.length).toBeGreaterThan(3)
  const files = [...dockerfiles, 'docker-compose.yml', 'docker-compose.cluster.yml', 'package.json', HASHES_FILE]
  for (const path of files) cpSync(join(repository, path), join(checkout.root, path))
  // Ours are all in one registry.
  checkout.change('docker-compose.yml', /^services:\n/m, 'services:\n  other:\n    image: ghcr.io/some/other:0.9.2\n')
  const registry = await startRegistry(SUMS)
  const ran = await checkout.pin(registry)
  expect(ran).toMatchObject({ code: 0, err: '' })
  expect(ran.out).toContain('images, broker and pnpm are pinned')

  const node = `node:26-slim@${registry.digest('library/node', '26-slim')}`
  for (const path of dockerfiles) {
    const named = [...checkout.read(path).matchAll(/^FROM (\S+)/gm)].map(([, image]) => image)
    expect(new Set(named), path).toEqual(new Set([node]))
    expect(checkout.read(path)).not.toMatch(/pnpm@12 /)
  }
  const { services } = parse(checkout.read('docker-compose.yml'), { merge: true }) as {
    readonly services: Readonly<Record<string, { readonly image: string; readonly build?: unknown }>>
  }
  for (const { image, build } of Object.values(services)) {
    expect(image).toMatch(build === undefined ? /:v?[\d.]+[\w.-]*@sha256:[0-9a-f]{64}$/ : /^[\w-]+:local$/)
  }
  expect(services['other']?.image.split('@')[1]).toBe(registry.digest('some/other', '0.9.2'))
  const { RELEASE_HASHES } = (await import(join(checkout.root, HASHES_FILE))) as { readonly RELEASE_HASHES: unknown }
  expect(RELEASE_HASHES).toEqual({
    [ARCHIVE]: sha256('archive'),
    [`nats-server-v${PINNED_VERSION}-windows-amd64.zip`]: sha256('zip'),
  })
  // Each tag is asked for once, however many files name it.
  const manifests = registry.requests.filter((request) => request.includes('/manifests/'))
  expect(manifests.every((request) => request.startsWith('HEAD '))).toBe(true)
  expect(manifests.length).toBe(2 * new Set(manifests).size)

  // A second time it follows the tag, and leaves nothing of the first digest.
  registry.digest = (...of) => `sha256:${sha256(`new ${of.join(':')}`)}`
  expect((await checkout.pin(registry)).code).toBe(0)
  expect(checkout.read(dockerfiles[0] as string)).not.toContain(node)
  expect(await checkout.check()).toMatchObject({ code: 0, out: 'images, broker and pnpm are pinned\n' })
})

test('what was never pinned is named, and does not fail', async () => {
  const checkout = smallCheckout()
  checkout.change('apps/one/Dockerfile', 'pnpm@12 ', 'pnpm@12.21.0 ')
  const { code, out, err } = await checkout.check()
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out.match(/^unpinned: .*$/gm)).toEqual([
    expect.stringMatching(/library\/node:26-slim .*apps\/one\/Dockerfile, docker-compose\.yml/),
    expect.stringContaining(`nats-server ${PINNED_VERSION}`),
  ])
})

const OTHER = `sha256:${'b'.repeat(64)}`

test.each<[string, RegExp, (checkout: Checkout) => void]>([
  ['in one file and not in the other', /no digest in/, (it) => it.change('docker-compose.yml', /@sha256:\w+/, '')],
  ['with two digests of one tag', /bbbb/, (it) => it.change('docker-compose.yml', /sha256:\w+/, OTHER)],
  ['with a digest that is none', /is not image:tag/, (it) => it.change('docker-compose.yml', /sha256:\w+/, 'sha256:1')],
  ['without a tag', /"node", which/, (it) => it.write('Dockerfile', 'FROM node\n')],
  ['by a variable', /BASE/, (it) => it.write('Dockerfile', 'ARG BASE\nFROM $BASE\n')],
  ['as a copy’s source', /busybox/, (it) => it.write('Dockerfile', 'FROM scratch\nCOPY --from=busybox /bin /bin\n')],
  ['as a mount’s source', /busybox/, (it) => it.write('Dockerfile', 'RUN --mount=type=bind,from=busybox true\n')],
  ['as the syntax', /dockerfile/, (it) => it.write('Dockerfile', '# syntax=docker/dockerfile\nFROM scratch\n')],
  ['in one line of compose', /"nats"/, (it) => it.write('docker-compose.x.yml', 'services: { a: { image: nats } }\n')],
])('an image that is named %s fails the check', async (_, said, spoil) => {
  const checkout = await pinned()
  expect((await checkout.check()).code).toBe(0)
  spoil(checkout)
  const { code, err } = await checkout.check()
  expect(code).toBe(1)
  expect(err).toMatch(said)
})

test.each<[string, RegExp, (checkout: Checkout) => void]>([
  ['another broker’s hashes', /not an archive/, (it) => it.change(HASHES_FILE, `v${PINNED_VERSION}-`, 'v2.14.0-')],
  ['half a hash', /no SHA-256/, (it) => it.change(HASHES_FILE, sha256('zip'), sha256('zip').slice(1))],
  [
    'another pnpm in a command',
    /Dockerfile.*12\.20\.0/,
    (it) => it.change('apps/one/Dockerfile', '12.21.0', '12.20.0'),
  ],
  ['a range of pnpms', /pnpm@12,/, (it) => it.change('apps/one/Dockerfile', 'pnpm@12.21.0', 'pnpm@12')],
  ['no exact pnpm', /packageManager/, (it) => it.write('package.json', '{ "packageManager": "pnpm@^12" }')],
])('%s fails the check', async (_, said, spoil) => {
  const checkout = await pinned()
  spoil(checkout)
  const { code, err } = await checkout.check()
  expect(code).toBe(1)
  expect(err).toMatch(said)
})

test.each<[string, RegExp, FakeRegistry['answer']]>([
  ['is not there', /HTTP 404/, ({ url }, it) => !!url?.startsWith('/v2/') && !!it.writeHead(404).end()],
  ['gives no token', /no token/, ({ url }, it) => !!url?.startsWith('/token') && !!it.end('{}')],
  [
    'gives one platform alone',
    /not an index/,
    ({ headers }, it) => {
      const type = 'application/vnd.oci.image.manifest.v1+json'
      const known = headers.authorization !== undefined
      return known && !!it.writeHead(200, { 'content-type': type, 'docker-content-digest': OTHER }).end()
    },
  ],
  ['breaks off', /fetch failed/, (_, it) => !!it.destroy()],
])('a registry that %s changes no image, and is said', async (_, said, answer) => {
  const checkout = await pinned()
  const before = checkout.read('apps/one/Dockerfile')
  const registry = await startRegistry(SUMS)
  registry.answer = answer
  const { code, err } = await checkout.pin(registry)
  expect(code).toBe(1)
  expect(err).toMatch(said)
  expect(checkout.read('apps/one/Dockerfile')).toBe(before)
})

test('a release without the archives leaves the hashes as they are', async () => {
  const checkout = await pinned()
  const before = checkout.read(HASHES_FILE)
  const { code, err } = await checkout.pin(await startRegistry(`${sha256('')}  nats-server-v2.14.0-linux-amd64.tar.gz`))
  expect(code).toBe(1)
  expect(err).toContain('lists no archive')
  expect(checkout.read(HASHES_FILE)).toBe(before)
})
