import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { appVariable } from '@alarm-bus/contracts'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { findNatsServer } from '@alarm-bus/nats-server'
import { connect } from '@nats-io/transport-node'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { makeApiKey } from '../src/api-key/make-api-key.ts'
import { readApps } from '../src/apps/read-apps.ts'
import { runCertificates } from '../src/certificates/run-certificates.ts'
import { type AppProcess, startApp } from '../src/demo/app-process.ts'
import { tellStory } from '../src/demo/story.ts'
import { runSecrets } from '../src/secrets/run-secrets.ts'
import { type ClusterService, interpolated, readCompose } from './cluster-harness.ts'
import { devEnvironment, repository } from './harness.ts'
import { within } from './run-ops.ts'
import { run } from './run-script.ts'

const compose = readCompose<{
  readonly services: Readonly<Record<string, ClusterService>>
  readonly secrets: Readonly<Record<string, { readonly file: string }>>
}>('docker-compose.yml')

let folder: string
const inFolder = (name: string): string => join(folder, name)
const secretsIn = (out: string, environment = {}) =>
  within((argv, output) => runSecrets(argv, output, environment), ['--out', out])

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ops-compose-run-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('pnpm ops secrets', () => {
  test('makes each file that the files of compose name, once, for this user alone, and shows none', async () => {
    const out = inFolder('made')
    const made = await secretsIn(out, { ...devEnvironment, NATS_ADMIN_PASSWORD: 'of-my-own' })
    expect(made).toMatchObject({ code: 0, err: '' })
    const text = ['docker-compose.yml', 'docker-compose.cluster.yml'].map((file) =>
      readFileSync(repository + file, 'utf8'),
    )
    const named = new Set([...text.join().matchAll(/\.\/\.secrets\/([\w./-]+)/g)].map(([, file]) => file as string))
    expect(named.size).toBeGreaterThan(15)
    for (const file of named) expect(statSync(join(out, file)).isFile(), file).toBe(true)
    expect(statSync(out).mode & 0o777).toBe(0o700)
    const read = (name: string): string => readFileSync(join(out, name), 'utf8').trim()
    const passwords = readdirSync(out).filter((name) => name.endsWith('_PASSWORD'))
    expect(new Set(passwords.map(read)).size).toBe(passwords.length)
    // Those of development are no passwords; one of one's own is taken over.
    expect(passwords.map(read).join()).not.toContain('dev-only')
    expect(read('NATS_ADMIN_PASSWORD')).toBe('of-my-own')
    expect(JSON.parse(read('NATS_ROUTES'))).toContain(`tls://route:${read('NATS_ROUTE_PASSWORD')}@nats-2:6222`)
    expect(read('DATABASE_URL')).toBe(`postgres://alarm-bus:${read('POSTGRES_PASSWORD')}@postgres:5432/alarm-bus`)
    for (const name of passwords) expect(made.out).not.toContain(read(name))

    const before = passwords.map(read)
    expect((await secretsIn(out)).code).toBe(0)
    expect(passwords.map(read)).toEqual(before)
    writeFileSync(join(out, 'NATS_SYS_PASSWORD'), '\n')
    const { code, err } = await secretsIn(out)
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining('NATS_SYS_PASSWORD is empty') })
  })
})

/** A service's environment where its container's paths and names are those of this machine. */
function environmentIn(service: string, variables: Readonly<Record<string, string>>, port = 0): Record<string, string> {
  const { environment = {}, volumes = [] } = compose.services[service] as ClusterService
  const mounts = volumes.map((volume) => interpolated(volume, variables).split(':') as [string, string])
  const here = (path: string): string =>
    join(repository, path).replace(join(repository, '.secrets'), inFolder('secrets'))
  const entries = Object.entries(environment).map(([name, value]) => {
    let text = interpolated(value, variables).replace('//nats:4222', `//127.0.0.1:${port}`)
    const secret = /^\/run\/secrets\/(.+)$/.exec(text)?.[1]
    const file = secret && interpolated(compose.secrets[secret]?.file ?? '', variables)
    if (file) text = file.startsWith('./') ? here(file) : file
    for (const [from, to] of mounts) if (from.startsWith('./')) text = text.replaceAll(to, here(from))
    return [name, text]
  })
  return { ...Object.fromEntries(entries), PATH: process.env['PATH'] ?? '' }
}

/** The broker's command in its environment, with a folder of its own to store in. */
async function startBroker(variables: Readonly<Record<string, string>>): Promise<number> {
  const bin = mkdtempSync(inFolder('bin-'))
  symlinkSync((await findNatsServer()).path, join(bin, 'nats-server'))
  const [command = '', ...args] = (compose.services['nats']?.command ?? []).map((word) =>
    word.replace('/etc/nats/', repository),
  )
  const child = spawn(command, [...args, '--addr', '127.0.0.1', '--port', '-1'], {
    env: {
      ...environmentIn('nats', variables),
      PATH: `${bin}:${process.env['PATH']}`,
      NATS_STORE_DIR: JSON.stringify(mkdtempSync(inFolder('store-'))),
      NATS_HTTP: '"127.0.0.1:-1"',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(async () => {
    if (child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'close')
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (text += part))
  await waitFor(() => text.includes('Server is ready') || child.exitCode !== null, { deadlineMs: 30_000 })
  const port = /client connections on 127\.0\.0\.1:(\d+)/.exec(text)?.[1]
  if (port === undefined) throw new Error(text)
  return Number(port)
}

test(
  'what compose starts, as processes with the environment that it gives: TLS from end to end, secrets from files alone',
  { timeout: 120_000 },
  async () => {
    expect((await secretsIn(inFolder('secrets'))).code).toBe(0)
    const { key, client } = makeApiKey('test', '*')
    writeFileSync(inFolder('api-keys.json'), JSON.stringify({ clients: [client] }))
    writeFileSync(inFolder('log-tokens'), 't'.repeat(32))
    writeFileSync(inFolder('console-tokens'), `ada:operator:${'t'.repeat(32)}`)
    const variables = {
      NODE_ENV: 'production',
      PRODUCER_API_KEYS_FILE: inFolder('api-keys.json'),
      LOG_API_TOKENS_FILE: inFolder('log-tokens'),
      CONSOLE_TOKENS_FILE: inFolder('console-tokens'),
    }
    const port = await startBroker(variables)
    const streams = environmentIn('streams', variables, port)
    const applied = await run(streams, 'apply', '--yes')
    expect(applied, applied.err).toMatchObject({ code: 0 })

    const apps = new Map<string, AppProcess>()
    for (const { name } of await readApps()) {
      const env = environmentIn(name, variables, port)
      expect(JSON.stringify(env), name).not.toContain(
        readFileSync(env[`NATS_${appVariable(name, 'PASSWORD')}_FILE`] ?? '', 'utf8').trim(),
      )
      const more = {
        HTTP_HOST: '127.0.0.1',
        [appVariable(name, 'PORT')]: '0',
        LOG_SQLITE_PATH: inFolder('logs.sqlite'),
      }
      const app = await startApp(name, { env: { ...env, ...more }, readyTimeoutMs: 60_000 })
      onTestFinished(async () => void (await app.stop()))
      apps.set(name, app)
    }
    const [producer, alarmConsumer, logConsumer] = ['producer', 'alarm-consumer', 'log-consumer'].map((name) =>
      apps.get(name),
    )
    const stack = { producer, alarmConsumer, logConsumer } as unknown as Parameters<typeof tellStory>[0]
    await tellStory(stack, () => undefined, { authorization: `Bearer ${key}` })

    // Whoever does not know the authority does not believe the broker, and who speaks no TLS gets no further.
    const strangers = inFolder('strangers')
    await within(runCertificates, ['--out', strangers])
    const unknown = { ...streams, NATS_TLS_CA_FILE: join(strangers, 'ca.pem') }
    const { code, out, err } = await run(unknown, 'plan', '--streams-only', '--wait-ms', '2000')
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toMatch(/certificate/i)
    const { NATS_TLS_CA_FILE: caFile = '', NATS_ADMIN_PASSWORD_FILE: file = '' } = streams
    const admin = { user: 'admin', pass: readFileSync(file, 'utf8').trim(), reconnect: false }
    const servers = `127.0.0.1:${port}`
    await (await connect({ servers, ...admin, tls: { caFile } })).close()
    const plain = connectTcp(port, '127.0.0.1').on('error', () => undefined)
    let said = ''
    plain.on('data', (part: Buffer) => (said += part))
    plain.once('data', () => plain.write('CONNECT {"verbose":false}\r\nPING\r\n'))
    await once(plain, 'close')
    expect(said).toMatch(/"tls_required":true/)
    expect(said).not.toContain('PONG')
  },
)
