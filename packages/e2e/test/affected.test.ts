import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { affectedApps } from '@alarm-bus/ops/images'
import { repository } from './harness.ts'
import { copyRepository, dryRun, type RepositoryCopy } from './repository-copy.ts'

// What `turbo run build test --affected` does on a branch: it narrows to packages, and what of them has not changed
// comes from the cache.

let copy: RepositoryCopy
let onMain: ReadonlyMap<string, string>

beforeAll(async () => {
  copy = copyRepository()
  onMain = new Map((await dryRun(copy, 'build', 'test')).map(({ taskId, hash }) => [taskId, hash]))
})
afterAll(() => copy.remove())

afterEach(() => void copy.git('switch', '--quiet', '--force', 'main'))

/** What would really run on a branch with one commit that changes these files. */
async function runsAfterChangeOf(...files: readonly string[]): Promise<readonly string[]> {
  copy.git('switch', '--quiet', '--force-create', 'change', 'main')
  for (const file of files) copy.append(file, file.endsWith('.md') ? '\nA change.\n' : '\n// A change.\n')
  copy.commit('A change.')
  const tasks = await dryRun(copy, 'build', 'test', '--affected')
  return tasks.flatMap(({ taskId, hash }) => (onMain.get(taskId) === hash ? [] : [taskId])).toSorted()
}

/** The tests of it all together start every app, so they are affected by each of them. */
const TOGETHER = '@alarm-bus/e2e#test'

test.each(['alarm-consumer', 'log-consumer'])('a change in %s builds and tests that app alone', async (app) => {
  expect(await runsAfterChangeOf(`apps/${app}/src/app.ts`)).toEqual([TOGETHER, `${app}#build`, `${app}#test`])
})

test('a change in producer builds and tests that app alone, and what measures it', async () => {
  const runs = [TOGETHER, 'benchmarks#test', 'producer#build', 'producer#test']
  expect(await runsAfterChangeOf('apps/producer/src/app.ts')).toEqual(runs)
})

test('images are built of the apps that a change affects, and of no others', async () => {
  const turbo = `${repository}node_modules/.bin/turbo`
  copy.git('switch', '--quiet', '--force-create', 'change', 'main')
  copy.append('apps/log-consumer/src/app.ts', '\n// A change.\n')
  copy.append('README.md', '\nA change.\n')
  copy.commit('A change.')
  expect(await affectedApps(copy.path, turbo)).toEqual(['log-consumer'])
  copy.append('packages/nats-kit/src/index.ts', '\n// A change.\n')
  copy.commit('Another change.')
  expect(await affectedApps(copy.path, turbo)).toEqual(
    expect.arrayContaining(['alarm-consumer', 'log-consumer', 'producer']),
  )
})

test('a change in a test of an app builds nothing', async () => {
  expect(await runsAfterChangeOf('apps/alarm-consumer/test/alarm-consumer.test.ts')).toEqual([
    TOGETHER,
    'alarm-consumer#test',
  ])
})

test('a change in a contract builds and tests those that use it', async () => {
  const runs = await runsAfterChangeOf('packages/contracts/src/alarms.ts')
  const users = [
    '@alarm-bus/contracts',
    '@alarm-bus/nats-kit',
    '@alarm-bus/service',
    '@alarm-bus/ops',
    'producer',
    'alarm-consumer',
    'log-consumer',
  ]
  expect(runs).toEqual(expect.arrayContaining(users.flatMap((name) => [`${name}#build`, `${name}#test`])))
  expect(runs.filter((task) => task.startsWith('@alarm-bus/nats-server'))).toEqual([])
})

test('a change in a document of the root runs nothing', async () => {
  expect(await runsAfterChangeOf('CONTRIBUTING.md')).toEqual([])
})
