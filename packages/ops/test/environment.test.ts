import { UsageError } from '@alarm-bus/command-line'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { readEnvironment } from '../src/config.ts'
import { authOf, devEnvironment, startBroker } from './harness.ts'
import { runOps } from './in-process.ts'
import { run } from './run-script.ts'

const NEITHER = [undefined, '', 'prod', 'Production', 'staging', 'Development']
const admin = { NATS_ADMIN_PASSWORD: devEnvironment['NATS_ADMIN_PASSWORD'] as string }

function fileOf(content: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'ops-environment-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'secret'), content, { mode: 0o600 })
  return join(folder, 'secret')
}

function problemOf(environment: Readonly<Record<string, string | undefined>>): string {
  try {
    readEnvironment(environment)
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError)
    return (error as Error).message
  }
  throw new Error('the environment was accepted')
}

test('the set-up job refuses passwords of the development set-up wherever NODE_ENV is not development', async () => {
  for (const NODE_ENV of NEITHER) {
    expect(problemOf({ ...admin, NODE_ENV })).toMatch(
      /^bad configuration: NATS_ADMIN_PASSWORD is a password of the dev/,
    )
    const migrator = { NATS_ADMIN_PASSWORD: 'a-real-one', NATS_MIGRATOR_PASSWORD: 'dev-only-migrator' }
    expect(problemOf({ ...migrator, NODE_ENV })).toContain('NATS_MIGRATOR_PASSWORD is a password of the dev')
    expect(problemOf({ NODE_ENV })).toContain('NATS_ADMIN_PASSWORD is not set')
  }
  for (const NODE_ENV of ['development', 'test']) expect(readEnvironment({ ...admin, NODE_ENV }).auth).toBeDefined()
  const asRun = await run({ ...admin, NODE_ENV: 'staging' }, 'apply', '--streams-only', '--yes')
  expect(asRun).toMatchObject({ code: 1, out: '' })
  expect(asRun.err).toContain('refused with NODE_ENV="staging" (anything but development and test is production)')
})

test('secrets from files: the broker takes what is in them', async () => {
  await using broker = await startBroker()
  const files = {
    NATS_SERVERS: broker.server.url,
    NATS_ADMIN_PASSWORD_FILE: fileOf(`${authOf('admin').password}\n`),
    NATS_MIGRATOR_PASSWORD_FILE: fileOf(authOf('migrator').password),
  }
  expect(await runOps(files, 'apply', '--yes')).toMatchObject({ code: 0 })
  const { auth, migratorAuth } = readEnvironment({ ...files, NODE_ENV: 'test' })
  expect({ auth, migratorAuth }).toEqual({ auth: authOf('admin'), migratorAuth: authOf('migrator') })
  const nkeySeed = `SU${'A'.repeat(56)}`
  const seeds = { NATS_ADMIN_NKEY_SEED_FILE: fileOf(`${nkeySeed}\n`), NATS_MIGRATOR_NKEY_SEED_FILE: fileOf(nkeySeed) }
  expect(readEnvironment(seeds)).toMatchObject({ auth: { nkeySeed }, migratorAuth: { nkeySeed } })
})

test('what is wrong with them is said all at once, without what is in them', () => {
  const said = problemOf({
    NATS_ADMIN_PASSWORD_FILE: '/nowhere/hunter2',
    NATS_MIGRATOR_PASSWORD: 'hunter2',
    NATS_MIGRATOR_PASSWORD_FILE: fileOf('hunter2'),
    NATS_MIGRATOR_NKEY_SEED_FILE: fileOf('hunter2'),
    STREAM_REPLICAS: '2',
  })
  expect(said).toContain('NATS_ADMIN_PASSWORD_FILE names a file that cannot be read (ENOENT)')
  expect(said).not.toContain('NATS_ADMIN_PASSWORD is not set')
  expect(said).toContain('NATS_MIGRATOR_PASSWORD_FILE is set beside NATS_MIGRATOR_PASSWORD')
  expect(said).toContain('NATS_MIGRATOR_NKEY_SEED_FILE must be a user nkey seed')
  expect(said).toContain('STREAM_REPLICAS must be 1, 3 or 5')
  expect(said).not.toContain('hunter2')
})
