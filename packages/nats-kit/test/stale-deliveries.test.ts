import { expect, test } from 'vitest'
import { createSubscriber, defineHandler } from '../src/index.ts'
import { waitFor } from '../src/testing.ts'
import { countMessages, manager, onEnd, openWithStreams, useBroker } from './harness.ts'

const broker = useBroker()
const ACK_WAIT_MS = 500

/** Holds up everything in this process, as a handler does that computes. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

test.each(['pull', 'push'] as const)(
  'messages that lay in the process for longer than the ack wait are not handed out; they are redelivered (%s)',
  async (mode) => {
    const { connection, contracts, toBot, stream } = await openWithStreams(broker.current)
    const handled: { readonly message: string; readonly deliveries: number }[] = []
    const subscriber = createSubscriber(connection, {
      contracts,
      app: 'app',
      mode,
      ackWaitMs: ACK_WAIT_MS,
      maxDeliver: 10,
      handlers: [
        defineHandler(toBot, ({ message }, { deliveryCount }) => {
          handled.push({ message, deliveries: deliveryCount })
          // The other messages are on their way or in the socket by now, and lie there until this ends.
          if (message === 'm-0') block(3 * ACK_WAIT_MS)
        }),
      ],
    })
    onEnd(() => subscriber.stop(2_000))
    subscriber.start()
    await waitFor(() => subscriber.checks().every(({ ok }) => ok))
    for (let i = 0; i < 8; i++) connection.client.publish(toBot.subject, JSON.stringify({ message: `m-${i}` }))
    await connection.client.flush()
    await waitFor(() => new Set(handled.map(({ message }) => message)).size === 8, { deadlineMs: 40_000 })
    const stale = () => connection.logs.lines.filter(({ fields }) => fields['event'] === 'staleDeliveries')
    await waitFor(() => stale().length > 0)
    const others = handled.filter(({ message }) => message !== 'm-0')
    // Each once, and none of them at its first delivery, which was too old.
    expect(others.map(({ message }) => message).toSorted()).toEqual(Array.from({ length: 7 }, (_, i) => `m-${i + 1}`))
    expect(others.filter(({ deliveries }) => deliveries === 1)).toEqual([])
    expect(stale()[0]?.fields).toMatchObject({ consumer: 'app_to-bot', passedOver: expect.any(Number) })
    expect(await countMessages(connection, stream.name)).toBe(8)
  },
)

test('a message that is redelivered while its handler runs here is not handed out again, and its latest delivery is settled', async () => {
  const { connection, contracts, toBot, stream } = await openWithStreams(broker.current)
  const jsm = await manager(connection)
  const info = () => jsm.consumers.info(stream.name, 'app_to-bot')
  let calls = 0
  let finish = (): void => undefined
  const subscriber = createSubscriber(connection, {
    contracts,
    app: 'app',
    handlers: [
      defineHandler(toBot, () => {
        calls++
        return new Promise<void>((resolve) => (finish = resolve))
      }),
    ],
  })
  onEnd(() => subscriber.stop(2_000))
  subscriber.start()
  await waitFor(() => subscriber.checks().every(({ ok }) => ok))
  // Sooner than the app says that its handler is at work.
  await jsm.consumers.update(stream.name, 'app_to-bot', { ...(await info()).config, ack_wait: 200 * 1e6 })
  connection.client.publish(toBot.subject, JSON.stringify({ message: 'slow' }))
  await waitFor(() => calls > 0)
  await waitFor(async () => (await info()).delivered.consumer_seq >= 4)
  finish()
  await waitFor(async () => (await info()).num_ack_pending === 0)
  expect(calls).toBe(1)
})
