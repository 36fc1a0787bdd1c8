import { waitFor } from '@alarm-bus/nats-kit/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { appOf, devEnvironment, run, startDev, untilReady } from './harness.ts'
import { commandLines } from './pages/blocks.ts'
import { copyRepository, type RepositoryCopy } from './repository-copy.ts'

// What the README makes, a channel, an app that handles it and one that publishes on it, is made in a copy of the
// repository, checked, tested and run, and thrown away.

/** Starting many tools on a busy machine; it only bounds a test that would hang. */
const DEADLINE_MS = 300_000

const lines = commandLines('pnpm new', ['README'])

let copy: RepositoryCopy

async function inCopy(...command: readonly string[]): Promise<string> {
  const ran = run(command, {}, copy.path)
  const { code } = await ran.exited
  expect(code, `${command.join(' ')}\n${ran.output()}`).toBe(0)
  return ran.output()
}

function changes(): readonly string[] {
  return copy
    .git('status', '--porcelain', '--untracked-files=all')
    .split('\n')
    .filter(Boolean)
    .map((line) => line.slice(3))
}

beforeAll(async () => {
  copy = copyRepository()
  await inCopy('pnpm', 'install', '--offline', '--frozen-lockfile')
}, DEADLINE_MS)
afterAll(() => copy.remove())

test('the Korean README has the same lines', () => {
  expect(lines).toHaveLength(3)
  expect(commandLines('pnpm new', ['README'], 'ko')).toEqual(lines)
})

test('what cannot be made is refused with the reason, and nothing is written', async () => {
  const refused = run(['pnpm', 'new', 'app', 'producer', '--handles', 'alarm-to-bot', '--owner', 'x'], {}, copy.path)
  expect((await refused.exited).code).toBe(1)
  expect(refused.output()).toContain('apps/producer exists already; choose another name')
  expect(changes()).toEqual([])
})

test(
  'a new channel, a consumer and a producer of it are checked and tested as they are',
  async () => {
    for (const line of lines) await inCopy('sh', '-c', line)
    expect(changes()).toEqual(
      expect.arrayContaining([
        '.changeset/new-app-billing.md',
        '.changeset/new-channel-order-placed.md',
        'docs/channels.md',
        'apps/billing/Dockerfile',
        'apps/billing/README.md',
        'apps/billing/src/handlers/order-placed.ts',
        'apps/web-shop/src/http/publish-routes.ts',
        'nats.accounts.conf',
        'nats.permissions.conf',
        'packages/contracts/src/order-placed.ts',
        'pnpm-lock.yaml',
      ]),
    )
    for (const file of ['docker-compose.yml', 'docker-compose.cluster.yml']) {
      const services = copy
        .read(file)
        .split(/^networks:$/m)[0]
        ?.split(/^services:$/m)[1]
      for (const app of ['billing', 'web-shop']) expect(services, file).toMatch(new RegExp(`^  ${app}:$`, 'm'))
    }
    expect(copy.read('observability/prometheus.yml')).toMatch(/targets: \[.*, billing:\d+, web-shop:\d+\]/)
    // What is made from the sources is behind them, as after a merge; one command makes it again.
    const behind = ['docs/channels.md', 'nats.accounts.conf', 'packages/contracts/api/index.api.md']
    const before = behind.map((file) => copy.read(file))
    for (const file of behind) copy.append(file, '# behind\n')
    copy.append('apps/billing/src/app.ts', '\n\n\n')
    await inCopy('pnpm', 'fix')
    expect(behind.map((file) => copy.read(file))).toEqual(before)
    // All of `pnpm check` that they are in: the root's tasks look at everything, the others at one package.
    const { scripts } = JSON.parse(copy.read('package.json')) as { readonly scripts: Readonly<Record<string, string>> }
    const tasks = /turbo run (.*) --continue/.exec(scripts['check'] ?? '')?.[1]?.split(' ') ?? []
    expect(tasks).toContain('permissions:check')
    const made = ['billing', 'web-shop', '@alarm-bus/contracts', '//'].map((name) => `--filter=${name}`)
    await inCopy('pnpm', 'exec', 'turbo', 'run', ...tasks, ...made, '--continue=always')
    const tested = await inCopy('pnpm', 'exec', 'turbo', 'run', 'test', '--filter=billing', '--filter=web-shop')
    expect(tested).toMatch(/billing:test: .*Tests .*5 passed/)
    expect(tested).toMatch(/web-shop:test: .*Tests .*2 passed/)
  },
  DEADLINE_MS,
)

test(
  'the new apps run as their own users of the broker: what one publishes the other handles, and so does it the producer’s',
  async () => {
    const env = await devEnvironment(copy.path)
    const apps = ['producer', 'web-shop', 'billing']
    const filters = apps.map((name) => `--filter=${name}`)
    const dev = startDev(env, ['pnpm', 'turbo', 'run', 'dev', ...filters], copy.path)
    await untilReady(dev)
    const post = async (app: string, path: string): Promise<string> => {
      const response = await fetch(`${appOf(env.ALARM_BUS_DEV_DIR, app).url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"message":"one chair"}',
      })
      expect(response.status, app).toBe(202)
      return ((await response.json()) as { readonly id: string }).id
    }
    const ids = [
      await post('producer', '/channels/order-placed/messages'),
      await post('web-shop', '/order-placed'),
      await post('producer', '/channels/alarm-to-bot/messages'),
    ]
    const handled = (id: string): boolean =>
      dev
        .output()
        .split('\n')
        .some((line) => line.includes('"event":"messageHandled"') && line.includes(id))
    await waitFor(() => ids.every(handled), { what: 'every message is handled' })
    expect(dev.output()).not.toMatch(/permissions violation/i)
  },
  DEADLINE_MS,
)
