import { AckPolicy } from '@nats-io/jetstream'
import { expect, test } from 'vitest'
import { waitFor } from '../../src/testing.ts'
import { onEnd, useBroker } from '../harness.ts'
import { judge } from './support/judge.ts'
import { drained, managerOf, type Scene, setScene, subscribe } from './support/scene.ts'
import { attempt } from './support/writers.ts'

const broker = useBroker()
const ACK_WAIT_MS = 500

/**
 * A consumer with the same ack wait that takes the message and never answers: its third delivery shows that the ack
 * wait has run out twice, whatever the machine's pace.
 */
async function ackWaitRanOutTwice(scene: Scene): Promise<void> {
  const { stream, channel } = scene
  const observing = await scene.open({ name: 'observer' })
  const manager = await managerOf(observing)
  await manager.consumers.add(stream.name, {
    durable_name: 'observer',
    filter_subject: channel.subject,
    ack_policy: AckPolicy.Explicit,
    ack_wait: ACK_WAIT_MS * 1e6,
    deliver_subject: `${observing.inboxPrefix}.observer`,
  })
  let deliveries = 0
  observing.client.subscribe(`${observing.inboxPrefix}.observer`, {
    callback: (_, { reply }) => {
      // `$JS.ACK.<stream>.<consumer>.<deliveries of this message>.…`
      deliveries = Math.max(deliveries, Number(reply?.split('.')[4]))
    },
  })
  await waitFor(() => deliveries >= 3, { what: 'the ack wait to run out twice' })
}

test.each(['pull', 'push'] as const)(
  'a handler that outlasts the ack wait (%s): the message is its own until it is done, and comes once',
  async (mode) => {
    const scene = await setScene({ servers: [broker.current.url], onEnd })
    const { journal } = scene
    let finish = (): void => undefined
    const finished = new Promise<void>((resolve) => (finish = resolve))
    const consuming = await scene.open({ name: 'app' })
    await subscribe(scene, consuming, { onEnd, mode, ackWaitMs: ACK_WAIT_MS, before: () => finished })
    for (let i = 0; i < 10; i++) expect(await attempt(`m-${i}`, scene.publish, journal)).toBeUndefined()
    await ackWaitRanOutTwice(scene)
    finish()
    await drained(scene, consuming)
    expect(journal.count('started.app')).toBe(10)
    expect(judge(`handler longer than ack wait, ${mode}`, journal).twice).toBe(0)
  },
)

test('a handler that outlasts its limit is told to stop, and the message is redelivered', async () => {
  const scene = await setScene({ servers: [broker.current.url], onEnd })
  const { journal } = scene
  const consuming = await scene.open({ name: 'app' })
  let aborted = 0
  await subscribe(scene, consuming, {
    onEnd,
    ackWaitMs: ACK_WAIT_MS,
    maxHandlerMs: 2 * ACK_WAIT_MS,
    before: async (_, { signal, deliveryCount }) => {
      // A handler that heeds its signal throws.
      if (deliveryCount === 1) await new Promise((_, reject) => signal.addEventListener('abort', reject))
    },
  })
  consuming.events.on('retryScheduled', () => aborted++)
  expect(await attempt('hangs', scene.publish, journal)).toBeUndefined()
  await drained(scene, consuming)
  expect(journal.ids('started.app')).toEqual(['hangs', 'hangs'])
  expect(aborted).toBe(1)
  expect(judge('handler over its limit', journal).twice).toBe(0)
})
