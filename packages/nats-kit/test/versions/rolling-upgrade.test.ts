import type { ConsumerConfig } from '@nats-io/jetstream'
import { nuid } from '@nats-io/transport-node'
import { expect, test } from 'vitest'
import { advisoryStreamName, listDeadLetters, showDeadLetter } from '../../src/admin.ts'
import { waitFor } from '../../src/testing.ts'
import { Journal } from '../faults/support/journal.ts'
import { judge } from '../faults/support/judge.ts'
import { startWorker, type Worker } from '../faults/support/worker.ts'
import { startWriters } from '../faults/support/writers.ts'
import { countMessages, manager, onEnd, open, type TestConnection, useBroker } from '../harness.ts'
import type { RollingSettings } from './rolling-app.ts'
import { kindOf } from './rolling-kind.ts'
import { unpackOldKit } from './unpack-old-kit.ts'

const broker = useBroker()

type Kit = RollingSettings['name']

/** Messages of which more have to be handled after each step. */
const HANDLED_EACH = 250
const DEADLINE_MS = 90_000

async function setUp() {
  const key = nuid.next()
  const stream = `R_${key}`
  const journal = new Journal()
  onEnd(async () => journal.remove())
  const old = unpackOldKit()
  onEnd(async () => old[Symbol.dispose]())
  const connection = await open(broker.current)
  const changes = await watchConsumer(connection, stream, 'app_alarm')
  const running = new Map<Kit, Worker>()
  const starts = { old: 0, new: 0 }
  const entries = {
    old: { kit: old.kit, contracts: old.contracts },
    new: { kit: new URL('../../src/index.ts', import.meta.url).href, contracts: '@alarm-bus/contracts' },
  }
  return {
    key,
    stream,
    journal,
    connection,
    changes,
    starts,
    async start(name: Kit): Promise<void> {
      starts[name]++
      const settings: RollingSettings = {
        ...entries[name],
        name,
        servers: [broker.current.url],
        key,
        journal: journal.folder,
        streams: starts[name] === 1 ? 'apply' : 'verify',
      }
      const worker = startWorker('../../versions/rolling-app.ts', settings)
      onEnd(() => worker.kill('SIGKILL'))
      running.set(name, worker)
      await worker.ready
    },
    async end(name: Kit, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
      await running.get(name)?.kill(signal)
      running.delete(name)
    },
    async handledMore(): Promise<void> {
      const before = journal.count('handled.app')
      await waitFor(() => journal.count('handled.app') >= before + HANDLED_EACH, {
        what: `${HANDLED_EACH} more messages to be handled`,
        deadlineMs: DEADLINE_MS,
      })
    },
    /** Ids of the messages in dead letters. */
    async kept(): Promise<readonly string[]> {
      const ids: string[] = []
      for await (const { seq } of listDeadLetters(connection, stream)) {
        const letter = await showDeadLetter(connection, stream, seq)
        ids.push((JSON.parse(Buffer.from(letter?.original.data ?? []).toString()) as { readonly id: string }).id)
      }
      return ids
    },
  }
}

type Changes = Readonly<Record<Kit, string[]>>

/** What each kit changed on a consumer that was there, in turn; what is noted in its metadata is no change. */
async function watchConsumer(connection: TestConnection, stream: string, consumer: string): Promise<Changes> {
  const changes: Changes = { old: [], new: [] }
  let before: string | undefined
  connection.client.subscribe('$JS.EVENT.ADVISORY.API', {
    callback(_, message) {
      const { subject, request, response, client } = message.json<Record<string, any>>()
      if (!String(subject).startsWith(`$JS.API.CONSUMER.CREATE.${stream}.${consumer}.`)) return
      if ((JSON.parse(response) as { readonly error?: object }).error) return
      const { config } = JSON.parse(request) as { readonly config: Partial<ConsumerConfig> }
      delete config.metadata
      const now = JSON.stringify(Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1)))
      if (before !== undefined && now !== before) changes[client.name as Kit].push(`${before} → ${now}`)
      before = now
    },
  })
  await connection.client.flush()
  return changes
}

test(
  'instances with the kit of before 1.0 beside present ones, each killed and started again: nothing is lost',
  {
    timeout: 300_000,
  },
  async () => {
    const { key, stream, journal, connection, changes, starts, start, end, handledMore, kept } = await setUp()
    const jsm = await manager(connection)
    await start('old')
    const writers = startWriters({
      name: 'r',
      journal,
      pauseMs: 3,
      publish: (id) => jsm.jetstream().publish(`${key}.alarm`, JSON.stringify({ id }), { msgID: id }),
    })
    onEnd(() => writers.stop())
    await handledMore()
    await start('new')
    await handledMore()
    await end('old', 'SIGKILL')
    await handledMore()
    await start('old')
    await handledMore()
    await end('new', 'SIGKILL')
    await handledMore()
    await start('new')
    await handledMore()
    await Promise.all([end('old', 'SIGKILL'), end('new', 'SIGKILL')])
    await Promise.all([start('new'), start('old')])
    await handledMore()
    await writers.stop()
    expect(writers.failures).toEqual([])

    // What the server gave up while it had the old bound is kept by the old instance, whose advisories stay in place.
    const isDone = async () =>
      journal.missing({ kept: await kept() }).length === 0 &&
      (await countMessages(connection, advisoryStreamName(stream))) === 0
    await waitFor(isDone, { what: 'every message to be handled or kept', deadlineMs: DEADLINE_MS, everyMs: 500 })
    // The last old one goes, and the present one is deployed once more.
    await end('old', 'SIGKILL')
    await end('new', 'SIGTERM')
    await start('new')
    await waitFor(async () => (await jsm.consumers.info(stream, 'app_alarm')).config.max_deliver === -1)
    await end('new', 'SIGTERM')

    const ids = await kept()
    judge('rolling upgrade', journal, { kept: ids })
    expect(ids.length).toBe(new Set(ids).size)
    expect(ids.filter((id) => kindOf(id) === 'never').toSorted()).toEqual(
      journal
        .ids('acked')
        .filter((id) => kindOf(id) === 'never')
        .toSorted(),
    )
    for (const name of ['old', 'new'] as const) expect(journal.count(`started.${name}`)).toBeGreaterThan(HANDLED_EACH)
    // Each sets the consumer up when it starts, and the present kit once more after an old one did. Nothing goes to and fro.
    expect(changes.old.length).toBeLessThanOrEqual(starts.old)
    expect(changes.new.length).toBeLessThanOrEqual(starts.new + changes.old.length)
  },
)

test('what the server gave up while no old instance runs stays in the stream of advisories, for one that comes back', async () => {
  const { key, stream, connection, start, end, kept } = await setUp()
  const jsm = await manager(connection)
  await start('old')
  await end('old', 'SIGTERM')
  await jsm.jetstream().publish(`${key}.alarm`, JSON.stringify({ id: 'r-0-0' }))
  const next = `$JS.API.CONSUMER.MSG.NEXT.${stream}.app_alarm`
  for (let delivery = 1; delivery <= 3; delivery++) {
    const message = await connection.client.request(next, '{"batch":1}', { timeout: 10_000, noMux: true })
    // The last one is not answered, as by a process that dies.
    if (delivery < 3) message.respond('-NAK')
  }
  const advisories = () => countMessages(connection, advisoryStreamName(stream))
  // It is given up when the server would deliver it once more.
  const waiting = connection.client.subscribe(`${connection.inboxPrefix}.waiting`, { callback() {} })
  connection.client.publish(next, '{"batch":1}', { reply: `${connection.inboxPrefix}.waiting` })
  await waitFor(async () => (await advisories()) === 1, { what: 'the advisory' })
  waiting.unsubscribe()

  await start('new')
  await waitFor(async () => (await jsm.consumers.info(stream, 'app_alarm')).config.max_deliver === -1)
  await end('new', 'SIGTERM')
  expect(await advisories()).toBe(1)
  expect(await kept()).toEqual([])

  await start('old')
  await waitFor(async () => (await kept()).length === 1, { what: 'the dead letter', deadlineMs: DEADLINE_MS })
  expect(await kept()).toEqual(['r-0-0'])
  await waitFor(async () => (await advisories()) === 0)
  await end('old', 'SIGTERM')
})
