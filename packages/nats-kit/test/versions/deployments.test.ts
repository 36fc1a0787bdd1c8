import { nuid } from '@nats-io/transport-node'
import { expect, test } from 'vitest'
import { ensureStreams } from '../../src/index.ts'
import { waitFor } from '../../src/testing.ts'
import { Journal } from '../faults/support/journal.ts'
import { judge } from '../faults/support/judge.ts'
import { expectExit } from '../faults/support/scenarios.ts'
import { startWorker, type Worker } from '../faults/support/worker.ts'
import { onEnd, open, useBroker } from '../harness.ts'
import type { AppSettings } from './app-process.ts'
import { type Release, versionContracts } from './contracts.ts'

const broker = useBroker()

/** Messages that have to come through at each step. */
const MESSAGES_EACH = 30

type App = `${Release} ${AppSettings['role']}`

/** Apps of both releases on one stream; each is a process, and at most one of a kind runs. */
async function setUp() {
  const key = nuid.next()
  const journal = new Journal()
  onEnd(async () => journal.remove())
  const connection = await open(broker.current)
  const running = new Map<App, Worker>()
  let started = 0

  /** What `pnpm ops apply` does before a release is deployed. */
  const apply = (release: Release) =>
    ensureStreams(connection, [versionContracts(key, release).stream], { mode: 'apply' })

  return {
    journal,
    apply,
    async start(app: App): Promise<void> {
      const [release, role] = app.split(' ') as [Release, AppSettings['role']]
      const name = `${release}${started++}`
      const settings: AppSettings = { role, release, servers: [broker.current.url], key, journal: journal.folder, name }
      const worker = startWorker('../../versions/app-process.ts', settings)
      onEnd(() => worker.kill('SIGKILL'))
      running.set(app, worker)
      await worker.ready
    },
    async stop(app: App): Promise<void> {
      const worker = running.get(app)
      if (!worker) throw new Error(`${app} does not run`)
      running.delete(app)
      await expectExit(worker, 0)
    },
    /** Waits until more of each running producer's messages were acknowledged. */
    async published(): Promise<void> {
      const releases = [...running.keys()].filter((app) => app.endsWith('producer')).map((app) => app.split(' ')[0])
      const count = (release: string | undefined): number =>
        journal.ids('acked').filter((id) => id.startsWith(`${release}`)).length
      const before = releases.map(count)
      await waitFor(() => releases.every((release, i) => count(release) >= (before[i] ?? 0) + MESSAGES_EACH), {
        what: 'messages of each producer',
      })
    },
  }
}

/** `+` starts an app, `-` stops it, `*` sets the new release's streams up; after each step messages are published. */
type Step = `+${App}` | `-${App}` | '*' | 'what is new waits'

const ORDERS: readonly (readonly [string, readonly Step[]])[] = [
  ['consumers first', ['*', '+new consumer', '-old consumer', '+new producer', '-old producer']],
  [
    'producers first, and the old consumer is started again on the new streams',
    [
      '*',
      '-old consumer',
      '+old consumer',
      '+new producer',
      '-old producer',
      'what is new waits',
      '+new consumer',
      '-old consumer',
    ],
  ],
  ['side by side', ['*', '+new producer', '+new consumer', '-old consumer', '-old producer']],
]

test.each(ORDERS)('nothing is lost and nothing comes twice: %s', { timeout: 90_000 }, async (name, steps) => {
  const { journal, apply, start, stop, published } = await setUp()
  await apply('old')
  await Promise.all([start('old consumer'), start('old producer')])
  await published()
  for (const step of steps) {
    if (step === '*') await apply('new')
    else if (step === 'what is new waits') expect(handledReleases(journal)).toEqual(new Set(['old']))
    else if (step.startsWith('+')) await start(step.slice(1) as App)
    else await stop(step.slice(1) as App)
    await published()
  }
  await stop('new producer')
  await waitFor(() => journal.missing().length === 0, { what: 'every message is handled', deadlineMs: 20_000 })
  await stop('new consumer')
  expect(handledReleases(journal)).toEqual(new Set(['old', 'new']))
  expect(journal.ids('handled.wrong')).toEqual([])
  expect(judge(name, journal).twice).toBe(0)
})

/** The releases of the producers whose messages were handled. */
function handledReleases(journal: Journal): ReadonlySet<string> {
  return new Set(journal.ids('handled.app').map((id) => id.slice(0, 3)))
}
