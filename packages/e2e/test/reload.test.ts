import { readdirSync, readFileSync, renameSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  appOf,
  brokerOf,
  type Command,
  DEADLINE_MS,
  devEnvironment,
  repository,
  run,
  startDev,
  untilReady,
} from './harness.ts'
import { commandLines } from './pages/blocks.ts'
import { copyRepository, type RepositoryCopy } from './repository-copy.ts'

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
}

const readManifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(repository, folder, 'package.json'), 'utf8')) as Manifest

/** The folders of the workspace packages that this one runs, its own left out. */
function packagesOf(folder: string): readonly string[] {
  const direct = Object.keys(readManifest(folder).dependencies ?? {})
    .filter((name) => name.startsWith('@alarm-bus/'))
    .map((name) => name.replace('@alarm-bus/', 'packages/'))
  return [...new Set(direct.flatMap((each) => [each, ...packagesOf(each)]))]
}

test.each(readdirSync(join(repository, 'apps')))('%s watches its sources and those of every package it runs', (app) => {
  const watched = readManifest(`apps/${app}`).scripts['dev']?.match(/(?<=--watch-path=)\S+/g)
  const needed = ['src', ...packagesOf(`apps/${app}`).map((folder) => `../../${folder}/src`)]
  expect(watched?.toSorted()).toEqual(needed.toSorted())
})

let copy: RepositoryCopy
beforeAll(async () => {
  copy = copyRepository()
  const install = run(['pnpm', 'install', '--offline', '--frozen-lockfile'], {}, copy.path)
  if ((await install.exited).code !== 0) throw new Error(install.output())
}, DEADLINE_MS)
afterAll(() => copy.remove())

/** A file of the app's own and one of each kind of package. */
const FILES = ['apps/log-consumer/src/app.ts', 'packages/service/src/logger.ts', 'packages/contracts/src/alarms.ts']

test('whatever changes a source, the app runs the new code', { timeout: 3 * DEADLINE_MS }, async () => {
  const env = await devEnvironment(copy.path)
  const dev = startDev(env, ['pnpm', 'turbo', 'run', 'dev', '--filter=log-consumer'], copy.path)
  await untilReady(dev)
  let count = 0
  const next = (): string => `reload-${++count}`
  const marked = (file: string, mark: string): string => `${copy.git('show', `HEAD:${file}`)}\nconsole.log('${mark}')\n`

  for (const file of FILES) {
    const path = join(copy.path, file)
    const byRename = (mark: string): void => {
      copy.write(`${file}.tmp`, marked(file, mark))
      renameSync(`${path}.tmp`, path)
    }
    const steps: readonly (readonly [string, (mark: string) => void])[] = [
      ['a write', (mark) => copy.write(file, marked(file, mark))],
      ['a save by rename', byRename],
      ['a second save by rename', byRename],
      ['a write after a rename', (mark) => copy.write(file, marked(file, mark))],
      ['a removal and a new file', (mark) => (unlinkSync(path), copy.write(file, marked(file, mark)))],
    ]
    for (const [what, change] of steps) {
      const mark = next()
      change(mark)
      await untilPrinted(dev, mark, `${what} of ${file}`)
    }
    const stashed = `reload-${count}`
    const before = times(dev, stashed)
    copy.git('stash')
    copy.git('stash', 'pop')
    await waitFor(() => times(dev, stashed) > before, { what: `git stash pop of ${file}`, deadlineMs: DEADLINE_MS })

    copy.git('checkout', '--quiet', '-b', `branch-${count}`)
    const onBranch = next()
    copy.write(file, marked(file, onBranch))
    await untilPrinted(dev, onBranch, `a write of ${file}`)
    copy.commit('On a branch.')
    copy.git('checkout', '--quiet', 'main')
    const seen = times(dev, onBranch)
    copy.git('checkout', '--quiet', '-')
    await waitFor(() => times(dev, onBranch) > seen, { what: `git checkout of ${file}`, deadlineMs: DEADLINE_MS })
    copy.git('checkout', '--quiet', 'main')
  }
})

test('a channel and apps that are made while dev runs work at once', { timeout: 4 * DEADLINE_MS }, async () => {
  const env = await devEnvironment(copy.path)
  const dev = startDev(env, ['pnpm', 'turbo', 'run', 'dev', '--filter=producer'], copy.path)
  await untilReady(dev)
  for (const line of commandLines('pnpm new', ['README'])) {
    const made = run(['sh', '-c', line], {}, copy.path)
    expect((await made.exited).code, made.output()).toBe(0)
  }
  await untilPrinted(dev, 'start it with: pnpm turbo run dev --filter=billing', 'the new app')
  const ports = await devEnvironment(copy.path)
  const second = startDev({ ...ports, ...env }, ['pnpm', 'turbo', 'run', 'dev', '--filter=billing'], copy.path)
  await untilReady(second)
  const publish = (): Promise<Response> =>
    fetch(`${appOf(env.ALARM_BUS_DEV_DIR, 'producer').url}/channels/order-placed/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"message":"one chair"}',
    })
  // The producer of before the change does not know the channel; the broker has to let it publish there.
  const accepted = await waitFor(
    async () => ((await publish().catch(() => undefined))?.status === 202 ? true : undefined),
    {
      what: 'the new channel at the producer',
      deadlineMs: DEADLINE_MS,
    },
  )
  expect(accepted).toBe(true)
  await waitFor(() => second.output().includes('"event":"messageHandled"'), { what: 'the message is handled' })
})

test('a declaration that cannot be read changes nothing, and is said', { timeout: 2 * DEADLINE_MS }, async () => {
  const env = await devEnvironment(copy.path)
  const dev = startDev(env, ['pnpm', 'turbo', 'run', 'dev', '--filter=log-consumer'], copy.path)
  await untilReady(dev)
  const broker = brokerOf(env.ALARM_BUS_DEV_DIR)
  const file = 'apps/producer/src/declaration.ts'
  const before = copy.read(file)
  copy.append(file, '\nthis is no code')
  await untilPrinted(dev, 'the declarations cannot be read', 'a broken declaration')
  copy.write(file, before)
  expect(brokerOf(env.ALARM_BUS_DEV_DIR)).toEqual(broker)
})

function times(dev: Command, mark: string): number {
  return dev.output().split(new RegExp(`${mark}\\b`)).length - 1
}

async function untilPrinted(dev: Command, mark: string, what: string): Promise<void> {
  await waitFor(() => times(dev, mark) > 0, { what: `${mark} after ${what}`, deadlineMs: DEADLINE_MS }).catch(
    (error: unknown) => {
      throw new Error(`${(error as Error).message}; the output:\n${dev.output()}`, { cause: error })
    },
  )
}
