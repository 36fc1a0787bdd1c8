import { appendFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { repository, run } from './harness.ts'

// Turbo runs a task again when its hash has changed, and takes it from the cache else.

const TASKS = ['build', 'typecheck', 'lint', 'format:check']
const ROOT_FILES = [
  'package.json',
  'pnpm-lock.yaml',
  'pnpm-workspace.yaml',
  'turbo.json',
  'tsconfig.base.json',
  'vitest.shared.ts',
]
const ROOT_FOLDERS = ['apps', 'packages', 'benchmarks']

let copy: string
let before: Readonly<Record<string, string>>

beforeAll(async () => {
  copy = mkdtempSync(join(tmpdir(), 'alarm-bus-hashes-'))
  for (const name of [...ROOT_FILES, ...ROOT_FOLDERS, '.gitignore', '.oxlintrc.json', '.oxfmtrc.json']) {
    const filter = (path: string): boolean => !/[\\/](node_modules|dist|\.turbo|\.vitest)$/.test(path)
    cpSync(join(repository, name), join(copy, name), { recursive: true, filter })
  }
  // Without a repository turbo looks for files in another way than it does for a person.
  await run(['git', '-C', copy, 'init', '--quiet']).exited
  before = await hashes()
})

afterAll(() => rmSync(copy, { recursive: true, force: true }))

async function hashes(): Promise<Readonly<Record<string, string>>> {
  const turbo = run(['node_modules/.bin/turbo', '--cwd', copy, 'run', ...TASKS, '--dry=json'])
  expect((await turbo.exited).code, turbo.output()).toBe(0)
  const text = turbo.output()
  const { tasks } = JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)) as {
    tasks: readonly { readonly taskId: string; readonly hash: string; readonly command: string }[]
  }
  const real = tasks.filter(({ command }) => command !== '<NONEXISTENT>')
  return Object.fromEntries(real.map(({ taskId, hash }) => [taskId, hash]))
}

async function changedBy(file: string): Promise<readonly string[]> {
  appendFileSync(join(copy, file), '\n// A change.\n')
  const after = await hashes()
  const changed = Object.keys(after).filter((task) => after[task] !== before[task])
  before = after
  return changed.toSorted()
}

test('a change in one app re-runs that app alone', async () => {
  expect(await changedBy('apps/log-consumer/src/app.ts')).toEqual(
    TASKS.map((task) => `log-consumer#${task}`).toSorted(),
  )
})

test('a change in a test of an app leaves its build alone', async () => {
  const changed = await changedBy('apps/log-consumer/test/log-consumer.test.ts')
  expect(changed).toEqual(['format:check', 'lint', 'typecheck'].map((task) => `log-consumer#${task}`))
})

test('a change in contracts re-runs what is built on them, and lints nothing else', async () => {
  const changed = await changedBy('packages/contracts/src/alarms.ts')
  expect(changed.filter((task) => /lint|format/.test(task))).toEqual([
    '@alarm-bus/contracts#format:check',
    '@alarm-bus/contracts#lint',
  ])
  for (const name of [
    '@alarm-bus/contracts',
    '@alarm-bus/nats-kit',
    '@alarm-bus/service',
    'producer',
    'alarm-consumer',
    'log-consumer',
  ]) {
    expect(changed).toContain(`${name}#build`)
    expect(changed).toContain(`${name}#typecheck`)
  }
})

test('nothing changed, nothing runs again', async () => {
  expect(await hashes()).toEqual(before)
})
