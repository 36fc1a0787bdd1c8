import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { run } from './harness.ts'
import { copyRepository, type RepositoryCopy } from './repository-copy.ts'

// Releases in a copy: what `pnpm version-packages` makes of changesets.

const VERSIONED = {
  '@alarm-bus/contracts': 'packages/contracts',
  '@alarm-bus/nats-kit': 'packages/nats-kit',
  '@alarm-bus/nats-server': 'packages/nats-server',
  '@alarm-bus/service': 'packages/service',
  producer: 'apps/producer',
  'alarm-consumer': 'apps/alarm-consumer',
  'log-consumer': 'apps/log-consumer',
} as const
type Name = keyof typeof VERSIONED
const NAMES = Object.keys(VERSIONED) as Name[]

let copy: RepositoryCopy
beforeAll(() => {
  copy = copyRepository()
  // The changelog, and the formatter that changesets finds in the root and runs over what it has written.
  copy.link('@changesets', 'oxfmt', '.bin')
})
afterAll(() => copy.remove())

beforeEach(() => {
  copy.git('reset', '--quiet', '--hard', 'main')
  copy.git('clean', '--quiet', '--force', '-d')
  copy.git('switch', '--quiet', '--force-create', 'release', 'main')
})

interface Manifest {
  version: string
  readonly dependencies?: Readonly<Record<string, string>>
}

function manifest(name: Name): Manifest {
  return JSON.parse(copy.read(`${VERSIONED[name]}/package.json`)) as Manifest
}

function versions(): Readonly<Record<string, string>> {
  return Object.fromEntries(NAMES.map((name) => [name, manifest(name).version]))
}

/** As after some releases: everything at 1.0.0, nothing pending. */
function released(): void {
  for (const name of NAMES) {
    copy.write(`${VERSIONED[name]}/package.json`, JSON.stringify({ ...manifest(name), version: '1.0.0' }, undefined, 2))
  }
  for (const file of copy.git('ls-files', '.changeset/*.md').split('\n').filter(Boolean))
    copy.git('rm', '--quiet', file)
  copy.commit('Released.')
}

function changeset(sizes: Partial<Record<Name, 'major' | 'minor' | 'patch'>>, text: string): void {
  const lines = Object.entries(sizes).map(([name, size]) => `'${name}': ${size}`)
  copy.write('.changeset/a-change.md', ['---', ...lines, '---', '', text, ''].join('\n'))
}

async function version(): Promise<void> {
  const command = run(
    [join(copy.path, 'node_modules/.bin/changeset'), 'version'],
    {
      // Nothing may be installed into the copy, least of all through its links.
      pnpm_config_verify_deps_before_run: 'false',
    },
    copy.path,
  )
  expect((await command.exited).code, command.output()).toBe(0)
}

function changelog(name: Name): string {
  return copy.read(`${VERSIONED[name]}/CHANGELOG.md`)
}

test('a new field in a contract: a minor of the contracts, and a patch of all that use them', async () => {
  released()
  changeset({ '@alarm-bus/contracts': 'minor' }, 'alarm-to-bot has a field `room`, which nobody has to fill.')
  await version()
  expect(versions()).toEqual({
    '@alarm-bus/contracts': '1.1.0',
    '@alarm-bus/nats-kit': '1.0.1',
    '@alarm-bus/nats-server': '1.0.0',
    '@alarm-bus/service': '1.0.1',
    producer: '1.0.1',
    'alarm-consumer': '1.0.1',
    'log-consumer': '1.0.1',
  })
  expect(changelog('@alarm-bus/contracts')).toContain('a field `room`')
  for (const name of NAMES.filter((one) => manifest(one).version === '1.0.1'))
    expect(changelog(name)).toMatch(/Patch Changes[\s\S]*@alarm-bus\/(contracts@1\.1\.0|nats-kit@1\.0\.1)/)
  expect(copy.git('status', '--porcelain', 'packages/nats-server')).toBe('')
  expect(existsSync(join(copy.path, '.changeset/a-change.md'))).toBe(false)
})

test('a change of one app: a version and a changelog of that app alone', async () => {
  released()
  changeset({ 'log-consumer': 'minor' }, 'Alarms can be searched.')
  await version()
  expect(versions()).toEqual({ ...Object.fromEntries(NAMES.map((name) => [name, '1.0.0'])), 'log-consumer': '1.1.0' })
  expect(changelog('log-consumer')).toContain('Alarms can be searched.')
})

test('a breaking contract: its users’ own sizes are theirs to say', async () => {
  released()
  changeset({ '@alarm-bus/contracts': 'major', producer: 'minor' }, 'alarm-to-bot has a new version.')
  await version()
  expect(versions()).toMatchObject({
    '@alarm-bus/contracts': '2.0.0',
    '@alarm-bus/nats-kit': '1.0.1',
    producer: '1.1.0',
    'alarm-consumer': '1.0.1',
  })
})

test('a new broker helper is no breaking change of the kit', async () => {
  released()
  changeset({ '@alarm-bus/nats-server': 'minor' }, 'Brokers start sooner.')
  await version()
  expect(versions()).toMatchObject({ '@alarm-bus/nats-server': '1.1.0', '@alarm-bus/nats-kit': '1.0.1' })
})

test('the changesets that wait can be released as they are, and what they write passes the format check', async () => {
  const pending = copy.git('ls-files', '.changeset/*.md').split('\n').filter(Boolean)
  // Just after a release none waits.
  if (pending.length === 0) changeset({ '@alarm-bus/nats-kit': 'patch' }, 'Brokers start sooner.')
  const before = versions()
  await version()
  expect(versions()).not.toEqual(before)
  const written = copy.git('ls-files', '--others', '--modified', '--exclude-standard').split('\n')
  const files = written.filter((file) => /\.(md|json)$/.test(file) && existsSync(join(copy.path, file)))
  const check = run([join(copy.path, 'node_modules/.bin/oxfmt'), '--check', ...files], {}, copy.path)
  expect((await check.exited).code, check.output()).toBe(0)
})
