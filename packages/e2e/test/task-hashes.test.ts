import { afterAll, beforeAll, expect, test } from 'vitest'
import { copyRepository, dryRun, type RepositoryCopy } from './repository-copy.ts'

// Turbo runs a task again when its hash has changed, and takes it from the cache else.

const TASKS = ['build', 'typecheck', 'lint', 'format:check']
let copy: RepositoryCopy
let before: Readonly<Record<string, string>>

beforeAll(async () => {
  copy = copyRepository()
  before = await hashes()
})

afterAll(() => copy.remove())

async function hashes(): Promise<Readonly<Record<string, string>>> {
  return Object.fromEntries((await dryRun(copy, ...TASKS)).map(({ taskId, hash }) => [taskId, hash]))
}

async function changedBy(file: string): Promise<readonly string[]> {
  copy.append(file, '\n// A change.\n')
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
