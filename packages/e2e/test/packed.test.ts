import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { repository, run } from './harness.ts'

// What npm would publish, in a project that knows nothing of the workspace.

const PUBLISHED = ['contracts', 'nats-kit', 'nats-server']
/** An empty npm cache and a busy machine; this only bounds a test that would hang. */
const DEADLINE_MS = 180_000

const APP = `import { alarmToBot, contracts } from '@alarm-bus/contracts'
import { defineHandler } from '@alarm-bus/nats-kit'
import { deliver, startTestBus, waitFor } from '@alarm-bus/nats-kit/testing'

const handled: string[] = []
const handler = defineHandler(alarmToBot, async ({ message }) => {
  handled.push(message)
})
await using bus = await startTestBus({ contracts, subscriber: { handlers: [handler] } })
const { seq } = await bus.publisher.publish(alarmToBot, { message: 'fire' })
await waitFor(() => handled.includes('fire'))
const { reason } = await deliver(handler, Buffer.from('{'))
console.log(JSON.stringify({ seq, handled, reason }))

// @ts-expect-error The types are not lost on the way: a number is no text.
export const wrong = (): unknown => bus.publisher.publish(alarmToBot, { message: 17 })
`

/** Without the package that runs a broker, which only a test that asks for a broker needs. */
const BROKERLESS = `import { alarmToBot } from '@alarm-bus/contracts'
import { defineHandler } from '@alarm-bus/nats-kit'
import { listDeadLetters } from '@alarm-bus/nats-kit/admin'
import { deliver, startTestBroker } from '@alarm-bus/nats-kit/testing'

const handled: string[] = []
const handler = defineHandler(alarmToBot, ({ message }) => void handled.push(message))
const { outcome } = await deliver(handler, Buffer.from('{"message":"fire"}'))
const refused = await startTestBroker().catch((error: unknown) => (error as Error).message)
console.log(JSON.stringify({ handled, outcome, refused, admin: typeof listDeadLetters }))
`

let folder: string
let project: string
let brokerless: string
const files = new Map<string, readonly string[]>()

async function output(command: readonly string[], cwd: string): Promise<string> {
  const started = run(command, {}, cwd)
  const { code } = await started.exited
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}:\n${started.output()}`)
  return started.output()
}

function versionHere(name: string): string {
  const { version } = JSON.parse(readFileSync(join(repository, 'node_modules', name, 'package.json'), 'utf8')) as {
    readonly version: string
  }
  return version
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'alarm-bus-packed-'))
  project = join(folder, 'project')
  mkdirSync(project)
  const tarballs = new Map<string, string>()
  for (const name of PUBLISHED) {
    const tarball = join(folder, `${name}.tgz`)
    await output(['pnpm', 'pack', '--out', tarball], join(repository, 'packages', name))
    tarballs.set(name, tarball)
    files.set(name, (await output(['tar', '-tzf', tarball], folder)).trim().split('\n').toSorted())
  }
  writeFileSync(join(project, 'package.json'), '{ "name": "elsewhere", "private": true, "type": "module" }\n')
  writeFileSync(join(project, 'app.ts'), APP)
  const compilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    target: 'es2024',
    lib: ['es2024', 'esnext.disposable'],
    module: 'nodenext',
    types: ['node'],
  }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['app.ts'] }))
  const others = ['typescript', '@types/node'].map((name) => `${name}@${versionHere(name)}`)
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts']
  await output(['npm', 'install', ...quiet, ...tarballs.values(), ...others], project)
  brokerless = join(folder, 'brokerless')
  mkdirSync(brokerless)
  writeFileSync(join(brokerless, 'package.json'), '{ "name": "brokerless", "private": true, "type": "module" }\n')
  writeFileSync(join(brokerless, 'app.ts'), BROKERLESS)
  tarballs.delete('nats-server')
  await output(['npm', 'install', ...quiet, ...tarballs.values()], brokerless)
}, DEADLINE_MS)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test.each(PUBLISHED)('%s: what is built, what explains it, and nothing else', (name) => {
  const packed = files.get(name) ?? []
  expect(packed).toEqual(
    expect.arrayContaining(
      ['LICENSE', 'README.md', 'dist/index.js', 'dist/index.d.ts'].map((file) => `package/${file}`),
    ),
  )
  const known =
    /^package\/(LICENSE|README\.md|CHANGELOG\.md|package\.json|dist\/.*\.(js|d\.ts)|released\/contracts\.json)$/
  expect(packed.filter((file) => !known.test(file) || /\.test\./.test(file))).toEqual([])
})

test.each(PUBLISHED)('%s: its package.json means something outside of the workspace', (name) => {
  const manifest = readFileSync(join(project, 'node_modules/@alarm-bus', name, 'package.json'), 'utf8')
  expect(manifest).not.toMatch(/workspace:|catalog:|@alarm-bus\/source|src\//)
})

interface Manifest {
  readonly engines?: { readonly node?: string }
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

function installed(name: string): Manifest {
  return JSON.parse(readFileSync(join(project, 'node_modules', name, 'package.json'), 'utf8')) as Manifest
}

test('the kit asks for no older Node than its client does', () => {
  const majorOf = (name: string): number => Number(/\d+/.exec(installed(name).engines?.node ?? '0')?.[0])
  const clients = readdirSync(join(project, 'node_modules/@nats-io')).map((name) => majorOf(`@nats-io/${name}`))
  expect(clients.length).toBeGreaterThan(2)
  expect(majorOf('@alarm-bus/nats-kit')).toBeGreaterThanOrEqual(Math.max(...clients))
})

test('there is one zod, the one that the schemas of an app are made with', () => {
  const { dependencies, peerDependencies } = installed('@alarm-bus/contracts')
  expect([dependencies, peerDependencies]).toEqual([undefined, { zod: '^4.0.0' }])
  expect(existsSync(join(project, 'node_modules/@alarm-bus/contracts/node_modules'))).toBe(false)
})

test(
  'it typechecks, declarations of the packages included',
  async () => {
    await output(['node', 'node_modules/typescript/bin/tsc'], project)
  },
  DEADLINE_MS,
)

test.each([[[]], [['--conditions=@alarm-bus/source']]])(
  'it publishes and handles on a real broker: node %j',
  async (flags) => {
    const said = await output(['node', ...flags, 'app.ts'], project)
    const line = said.split('\n').find((one) => one.startsWith('{"seq"'))
    expect(JSON.parse(line ?? said)).toEqual({ seq: 1, handled: ['fire'], reason: 'invalid_message' })
  },
)

test('testing without @alarm-bus/nats-server: it delivers, and a broker that is asked for names what to install', async () => {
  expect(existsSync(join(brokerless, 'node_modules/@alarm-bus/nats-server'))).toBe(false)
  const said = await output(['node', 'app.ts'], brokerless)
  const line = said.split('\n').find((one) => one.startsWith('{"handled"'))
  expect(JSON.parse(line ?? said)).toEqual({
    handled: ['fire'],
    outcome: 'ack',
    refused: expect.stringContaining('npm install --save-dev @alarm-bus/nats-server'),
    admin: 'function',
  })
})
