import type { ConsumerInfo } from '@nats-io/jetstream'
import { expect, test } from 'vitest'
import { waitFor } from '../../src/testing.ts'
import { onEnd, useBroker } from '../harness.ts'
import { consumerSettings, expectExit } from './support/scenarios.ts'
import { managerOf, type Scene, setScene, stored } from './support/scene.ts'
import { startConsumer } from './support/worker.ts'

const broker = useBroker()

const WAITING = 1_000_000
const BOUND = 16
/** Sixteen bytes a waiting message: a process that kept no more than a note of each would need them. */
const MOST_GROWTH_BYTES = 16 * WAITING
/** How far each goes on once its handlers are let go: to the end would only take longer. */
const GONE_ON = 2_000
const MODES = ['pull', 'push'] as const

/** Fewer than the broker buffers for a stream; what is beyond that it drops when nobody waits for an ack. */
const WINDOW = 4_000

/** A million small messages in a stream, without a publisher's checks and acks: it is the waiting that is tested. */
async function fill({ connection, channel }: Scene): Promise<void> {
  const { client } = connection
  for (let i = 0; i < WAITING; i += WINDOW) {
    const last = i + WINDOW - 1
    for (let message = i; message < last; message++) client.publish(channel.subject, `{"id":"m-${message}"}`)
    // Stored in the order of sending, so the last one's ack is everyone's.
    await client.request(channel.subject, `{"id":"m-${last}"}`, { timeout: 30_000 })
  }
}

/** Looks at consumers for as long as something takes; resolves to the highest of each figure. */
async function highest(look: () => Promise<readonly ConsumerInfo[]>, during: Promise<unknown>) {
  const most = { delivered: 0, ackPending: 0 }
  let over = false
  const end = during.finally(() => (over = true))
  while (!over) {
    for (const { delivered, num_ack_pending } of await look()) {
      most.delivered = Math.max(most.delivered, delivered.consumer_seq)
      most.ackPending = Math.max(most.ackPending, num_ack_pending)
    }
  }
  await end
  return most
}

test(
  'handlers hang and a million messages wait: each process holds its bound, its memory stays flat, and it goes on',
  { timeout: 120_000 },
  async () => {
    const scene = await setScene({ servers: [broker.current.url], onEnd, stream: { maxMessages: WAITING } })
    const { journal, stream, channel, connection } = scene
    const subscriber = { concurrency: BOUND, ackWaitMs: 60_000, maxDeliver: 5 }
    const workers = MODES.map((mode) => {
      const settings = { ...consumerSettings(scene, mode), app: mode, holds: true }
      return { mode, worker: startConsumer({ ...settings, subscriber: { mode, ...subscriber } }) }
    })
    onEnd(() => Promise.all(workers.map(({ worker }) => worker.kill('SIGKILL'))))
    await Promise.all(workers.map(({ worker }) => worker.ready))
    const manager = await managerOf(connection)
    const look = () => Promise.all(MODES.map((mode) => manager.consumers.info(stream.name, `${mode}_${channel.name}`)))
    const before = await Promise.all(workers.map(({ worker }) => worker.memory()))

    const most = await highest(look, fill(scene))
    expect(await stored(scene, connection)).toBe(WAITING)
    // What was ever sent to a process bounds what it can buffer or run, and it asks for nothing more.
    expect(most).toEqual({ delivered: BOUND, ackPending: BOUND })
    for (const info of await look())
      expect(info).toMatchObject({ num_pending: WAITING - BOUND, num_ack_pending: BOUND, num_waiting: 0 })
    const after = await Promise.all(workers.map(({ worker }) => worker.memory()))
    for (const [i, { mode }] of workers.entries()) {
      expect([journal.count(`started.${mode}`), journal.count(`handled.${mode}`)]).toEqual([BOUND, 0])
      const rssBytes = (after[i]?.rssBytes ?? Infinity) - (before[i]?.rssBytes ?? 0)
      const heapBytes = (after[i]?.heapBytes ?? Infinity) - (before[i]?.heapBytes ?? 0)
      console.info(`${mode}, ${WAITING} messages waiting: RSS grown by ${rssBytes} bytes, heap by ${heapBytes}`)
      expect(rssBytes).toBeLessThan(MOST_GROWTH_BYTES)
      expect(heapBytes).toBeLessThan(MOST_GROWTH_BYTES)
    }

    for (const { mode, worker } of workers) {
      worker.release()
      await waitFor(() => journal.count(`handled.${mode}`) >= GONE_ON, { what: `${mode} to go on`, deadlineMs: 30_000 })
      await expectExit(worker, 0)
    }
    for (const [i, { ack_floor }] of (await look()).entries()) {
      expect(ack_floor.stream_seq).toBeGreaterThanOrEqual(GONE_ON)
      // Settled to the last one, without a gap, and none of it twice.
      const settled = Array.from({ length: ack_floor.stream_seq }, (_, message) => `m-${message}`)
      expect(journal.ids(`handled.${MODES[i]}`).toSorted()).toEqual(settled.toSorted())
    }
  },
)
