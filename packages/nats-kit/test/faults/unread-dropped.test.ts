import { expect, test } from 'vitest'
import { type Connection, createJetStreamPublisher, type KitEventMap } from '../../src/index.ts'
import { waitFor } from '../../src/testing.ts'
import { onEnd, useBroker } from '../harness.ts'
import { judge } from './support/judge.ts'
import {
  drained,
  type LoggedConnection,
  type Scene,
  type SceneOptions,
  setScene,
  stored,
  subscribe,
} from './support/scene.ts'
import { attempt } from './support/writers.ts'

const broker = useBroker()

type Missed = KitEventMap['messagesMissed']

function collectMissed(connection: Connection): Missed[] {
  const missed: Missed[] = []
  connection.events.on('messagesMissed', (detail) => missed.push(detail))
  return missed
}

async function setUp(stream: NonNullable<SceneOptions['stream']>, ttlSeconds?: number) {
  // The broker forgets ids no later than messages, and a publish gives up before that.
  const budget = { budgetMs: 900 }
  const scene = await setScene({
    servers: [broker.current.url],
    onEnd,
    stream: { duplicateWindowMs: 1_000, ...stream },
    publisher: budget,
  })
  const publisher = createJetStreamPublisher(scene.connection, { contracts: scene.contracts, ...budget })
  onEnd(() => publisher.close())
  const sequences = new Map<string, number>()
  const publish = async (id: string) => {
    const receipt = await publisher.publish(
      scene.channel,
      { id },
      { id, ...(ttlSeconds === undefined ? {} : { ttlSeconds }) },
    )
    sequences.set(id, receipt.seq)
  }
  const publishAll = async (name: string, count: number) => {
    for (let i = 0; i < count; i++) expect(await attempt(`${name}-${i}`, publish, scene.journal)).toBeUndefined()
  }
  return { scene, sequences, publishAll }
}

/** Waits of a second would outlast a stream that keeps a message no longer. */
const SHORT = { ackWaitMs: 300, maxDeliver: 2, retry: { baseMs: 50, capMs: 50 } }

/** Ids that were not handled, and lie where the kit said that something is missing. */
function reported({ journal }: Scene, sequences: ReadonlyMap<string, number>, missed: readonly Missed[]): string[] {
  return journal.missing().filter((id) => {
    const seq = sequences.get(id) ?? 0
    return missed.some(({ from, to }) => seq >= from && seq <= to)
  })
}

test.each([
  ['dropped by discard old', { discard: 'old', maxMessages: 30 }, undefined, 30],
  ['older than max_age', { maxAgeMs: 2_000 }, undefined, 0],
  ['past their own time to live', {}, 1, 0],
] as const)(
  'unread messages %s while the app was down: counted, logged and said when it is back',
  async (how, stream, ttlSeconds, left) => {
    const { scene, sequences, publishAll } = await setUp(stream, ttlSeconds)
    const { journal, connection } = scene
    const first = await scene.open({ name: 'app' })
    const before = await subscribe(scene, first, { onEnd, ...SHORT })
    await publishAll('seen', 10)
    await drained(scene, first)
    await before.stop(5_000)

    await publishAll('unread', 50)
    await waitFor(async () => (await stored(scene, connection)) <= left || left > 0, { what: 'the messages to expire' })
    const second = await scene.open({ name: 'app' })
    const missed = collectMissed(second)
    await subscribe(scene, second, { onEnd, ...SHORT })
    await drained(scene, second)
    await publishAll('after', 5)
    await drained(scene, second)
    expect(journal.missing().length).toBe(50 - left)
    await expectCounted(scene, missed, second)
    judge(`unread ${how}, ${50 - left} of them reported`, journal, { kept: reported(scene, sequences, missed) })
  },
)

test('unread messages dropped by discard old while the app falls behind: counted, logged and said at once', async () => {
  const { scene, sequences, publishAll } = await setUp({ discard: 'old', maxMessages: 30 })
  const { journal } = scene
  const consuming = await scene.open({ name: 'app' })
  const missed = collectMissed(consuming)
  let goOn = (): void => undefined
  const held = new Promise<void>((resolve) => (goOn = resolve))
  await subscribe(scene, consuming, { onEnd, concurrency: 1, before: () => held, watchdog: { lookMs: 100 } })
  await publishAll('held', 10)
  await waitFor(() => journal.count('started.app') === 1)
  await publishAll('unread', 60)
  await waitFor(() => missed.length > 0, { what: 'the kit to say that messages are missing' })
  goOn()
  await drained(scene, consuming)
  await expectCounted(scene, missed, consuming)
  judge(`unread dropped while running, ${journal.missing().length} of them reported`, journal, {
    kept: reported(scene, sequences, missed),
  })
})

/** What is gone is gone; that every one of it was counted, and said, is what can be held to. */
async function expectCounted({ journal }: Scene, missed: readonly Missed[], { logs }: LoggedConnection): Promise<void> {
  const counted = () => missed.reduce((sum, { atLeast }) => sum + atLeast, 0)
  const gone = journal.missing().length
  expect(gone).toBeGreaterThan(0)
  await waitFor(() => counted() >= gone, { what: `all ${gone} messages that are missing to be reported` })
  expect(counted()).toBe(gone)
  const said = logs.lines.filter((line) => line.level === 'error' && line.fields['event'] === 'messagesMissed')
  expect(said.length).toBe(missed.length)
}
