import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { findNatsServer } from '@alarm-bus/nats-server'
import { connect } from '@nats-io/transport-node'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { environmentOf } from './cluster-harness.ts'
import { confPath, devEnvironment, repository } from './harness.ts'

let folder: string
/** What the container gets from compose, with the passwords of .env.example. */
const { NODE_ENV: _, ...fromCompose } = environmentOf('nats-1')
const passwords = Object.keys(fromCompose).filter((name) => name.endsWith('_PASSWORD'))
/** As `openssl rand` makes them. */
const real = Object.fromEntries(passwords.map((name) => [name, `p${name.toLowerCase().replaceAll('_', '-')}`]))
const production: Readonly<Record<string, string>> = { ...fromCompose, ...real, NATS_ROUTES: '[]' }

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ops-start-broker-'))
  symlinkSync((await findNatsServer()).path, join(folder, 'nats-server'))
})
/** None outlives its test, however that ends. */
const running = new Set<ChildProcess>()
afterEach(() => running.forEach((child) => child.kill('SIGKILL')))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function fileOf(content: string): string {
  const path = join(folder, `secret-${Math.random()}`)
  writeFileSync(path, content, { mode: 0o600 })
  return path
}

interface Running {
  readonly child: ChildProcess
  readonly output: () => string
  readonly ended: Promise<{ readonly code: number | null }>
}

/** The broker's command of compose, on free ports of this machine. */
function start(environment: Readonly<Record<string, string>>): Running {
  const flags = ['--config', confPath, '--addr', '127.0.0.1', '--port', '-1']
  const child = spawn('sh', [`${repository}nats.start.sh`, ...flags], {
    env: {
      PATH: `${folder}:${process.env['PATH']}`,
      ...environment,
      NATS_STORE_DIR: JSON.stringify(mkdtempSync(join(folder, 'store-'))),
      NATS_HTTP: '"127.0.0.1:-1"',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  child.once('close', () => running.delete(child))
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (text += part))
  const ended = new Promise<{ code: number | null }>((resolve) => child.once('close', (code) => resolve({ code })))
  return { child, output: () => text, ended }
}

async function refusalOf(environment: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const { output, ended } = start(environment)
  expect(await ended).toEqual({ code: 1 })
  expect(output()).not.toContain('Starting nats-server')
  return output().trim().split('\n')
}

describe('nats.start.sh', () => {
  test('no broker starts with the passwords of .env.example where NODE_ENV is not development', async () => {
    expect(passwords.length).toBeGreaterThan(6)
    for (const NODE_ENV of [undefined, '', 'production', 'prod', 'Development', 'staging', 'development ']) {
      const lines = await refusalOf({ ...fromCompose, ...(NODE_ENV !== undefined && { NODE_ENV }) })
      const refused = lines.map((line) => /^broker: (\w+) holds a secret of the development set-up/.exec(line)?.[1])
      expect(refused.toSorted()).toEqual([...passwords, 'NATS_ROUTES'].toSorted())
      expect(lines.join()).not.toContain('dev-only')
    }
  })

  test.each(passwords)('one of them is enough: %s', async (name) => {
    expect(await refusalOf({ ...production, [name]: devEnvironment[name] as string })).toEqual([
      expect.stringContaining(`${name} holds a secret of the development set-up`),
    ])
  })

  test.each([
    ['', 'is empty'],
    [' ', 'is empty'],
    ['""', 'is empty'],
    ['cut#short', 'must begin with a letter'],
    ['1234', 'must begin with a letter'],
    ['two words', 'must begin with a letter'],
    ['two\nlines', 'must be one line'],
  ])('a password %j is refused, in development as well', async (password, problem) => {
    const environment = { ...fromCompose, NODE_ENV: 'development', NATS_ADMIN_PASSWORD: password }
    const lines = await refusalOf(environment)
    expect(lines).toEqual([expect.stringContaining(`NATS_ADMIN_PASSWORD ${problem}`)])
    expect(lines.join()).not.toMatch(/cut#short|1234|two words/)
  })

  test('with passwords of its own, some from files, it becomes the broker, which a signal ends', async () => {
    const { NATS_ADMIN_PASSWORD: __, ...others } = production
    const admin = fileOf('from-a-file\n')
    const broker = start({ ...others, NATS_ADMIN_PASSWORD_FILE: admin, NATS_SYS_PASSWORD_FILE: ' ' })
    try {
      const port = await waitFor(() => /client connections on 127\.0\.0\.1:(\d+)/.exec(broker.output())?.[1])
      const servers = `127.0.0.1:${port}`
      for (const [user, pass] of [
        ['admin', 'from-a-file'],
        ['producer', real['NATS_PRODUCER_PASSWORD'] as string],
      ] as const)
        await (await connect({ servers, user, pass })).close()
      await expect(connect({ servers, user: 'admin', pass: 'dev-only-admin', reconnect: false })).rejects.toThrow()
    } finally {
      broker.child.kill('SIGTERM')
    }
    expect(await broker.ended).toEqual({ code: 0 })
  })

  test('in development it starts with those of .env.example', async () => {
    const broker = start({ ...fromCompose, NODE_ENV: 'development' })
    await waitFor(() => broker.output().includes('Server is ready'))
    broker.child.kill('SIGTERM')
    await broker.ended
  })

  test('a file beside its variable, one that is none, and a secret of development in one', async () => {
    const { NATS_ADMIN_PASSWORD: __, NATS_MIGRATOR_PASSWORD: ___, NATS_ROUTES: ____, ...others } = production
    const lines = await refusalOf({
      ...others,
      NATS_PRODUCER_PASSWORD_FILE: fileOf('hunter2'),
      NATS_ADMIN_PASSWORD_FILE: join(folder, 'hunter2'),
      NATS_MIGRATOR_PASSWORD_FILE: fileOf('dev-only-migrator'),
      NATS_ROUTES_FILE: fileOf('["tls://route:dev-only-route@nats-1:6222"]'),
    })
    expect(lines.toSorted()).toEqual([
      expect.stringContaining('NATS_ADMIN_PASSWORD_FILE names a file that cannot be read'),
      expect.stringContaining('NATS_MIGRATOR_PASSWORD holds a secret of the development set-up'),
      expect.stringContaining('NATS_PRODUCER_PASSWORD_FILE is set beside NATS_PRODUCER_PASSWORD'),
      expect.stringContaining('NATS_ROUTES holds a secret of the development set-up'),
    ])
    expect(lines.join()).not.toContain('hunter2')
  })
})
