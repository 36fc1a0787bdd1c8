import { describe, expect, test } from 'vitest'
import { noted } from '../src/consumers/note-record.ts'
import {
  createSubscriber,
  DeadLetter,
  defineHandler,
  type MessageContext,
  type SubscriberOptions,
} from '../src/index.ts'
import { waitFor } from '../src/testing.ts'
import { open, onEnd, useBroker } from './harness.ts'
import { setUpRedrive } from './redrive-harness.ts'

const broker = useBroker()
const LIMITS = { maxDeliver: 1, maxUnsettled: 2, ackWaitMs: 500 }

/** A message for the app, by its channel or redriven to it, and who takes it without a word. */
async function setUp(way: 'by its channel' | 'redriven') {
  const made = await setUpRedrive(broker.current)
  const isRedriven = way === 'redriven'
  const [stream, consumer] = isRedriven ? [made.redrives, 'bot_to-bot_redrive'] : [made.stream.name, 'bot_to-bot']
  const first = await made.app(
    'bot',
    () => {
      throw new DeadLetter('not yet')
    },
    LIMITS,
  )
  if (isRedriven) {
    await made.publisher.publish(made.toBot, { message: 'x' })
    await made.waitForLetters(1)
  }
  await first.stop(1_000)
  if (isRedriven) await made.redrive()
  else await made.publisher.publish(made.toBot, { message: 'x' })
  const { client, inboxPrefix } = made.connection
  return {
    ...made,
    info: () => made.jsm.consumers.info(stream, consumer),
    /** A delivery that no handler sees: the process dies before. */
    async takeUnrun(): Promise<void> {
      const inbox = `${inboxPrefix}.taken`
      const taken = new Promise<void>((resolve) => {
        client.subscribe(inbox, { max: 1, callback: () => resolve() })
      })
      client.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, '{"batch":1,"expires":20000000000}', {
        reply: inbox,
      })
      await taken
      await waitFor(async () => (await made.jsm.consumers.info(stream, consumer)).num_waiting === 0)
    },
    /** An instance with a connection of its own. Its end by `die` says nothing to the broker. */
    async instance(handle: (message: { message: string }, context: MessageContext) => Promise<void> | void) {
      const own = await open(broker.current, {
        inboxPrefix: `_INBOX_${made.stream.name}_${Math.random()}`.replace('.', ''),
      })
      const options: SubscriberOptions = {
        contracts: made.contracts,
        app: 'bot',
        handlers: [defineHandler(made.toBot, handle)],
        ...LIMITS,
      }
      const subscriber = createSubscriber(own, options)
      onEnd(() => subscriber.stop(10))
      subscriber.start()
      return {
        async die(): Promise<void> {
          await own.client.close()
          await subscriber.stop(10)
        },
      }
    },
  }
}

describe.each(['by its channel', 'redriven'] as const)('a message that came %s', (way) => {
  test('and was delivered past every bound without ever having run is run, and is no dead letter', async () => {
    const made = await setUp(way)
    for (let delivery = 0; delivery < 4; delivery++) await made.takeUnrun()
    const counts: number[] = []
    await made.instance((_, { deliveryCount }) => void counts.push(deliveryCount))
    await waitFor(() => counts.length === 1, { deadlineMs: 30_000 })
    expect(counts[0]).toBeGreaterThan(LIMITS.maxUnsettled + 1)
    await waitFor(async () => (await made.info()).num_ack_pending === 0)
    // Nothing is left of the note that it was run under.
    await waitFor(async () => (await noted(made.connection, await made.info())).notes['alarm-bus.trials'] === '[]')
    expect(await made.list()).toEqual([])
  })

  test('and whose process dies each time that it runs becomes a dead letter, with its bytes', async () => {
    const made = await setUp(way)
    let runs = 0
    // Not at once: each death is one delivery, and the bound is larger than the one of failures.
    for (let death = 1; death <= LIMITS.maxUnsettled + 2; death++) {
      const instance = await made.instance(() => {
        runs++
        return new Promise<void>(() => undefined)
      })
      await waitFor(() => runs === death, { what: `run ${death}`, deadlineMs: 30_000 })
      expect(await made.list()).toEqual([])
      await instance.die()
    }
    await made.instance(() => void runs++)
    await waitFor(async () => (await made.list()).length === 1, { deadlineMs: 30_000 })
    expect(await made.list()).toMatchObject([
      { reason: 'never_settled', original: { seq: 1 }, size: 15, redrives: way === 'redriven' ? 1 : 0 },
    ])
    await waitFor(async () => (await made.info()).num_ack_pending === 0)
    expect(runs).toBe(LIMITS.maxUnsettled + 2)
  })
})

test('a message that waits for its turn while handlers block the event loop is run, however often it is redelivered', async () => {
  const made = await setUpRedrive(broker.current)
  const handled: string[] = []
  const block = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
  await made.app(
    'bot',
    ({ message }) => {
      handled.push(message)
      // Longer than the ack wait: whatever lies in the process or in its socket is redelivered.
      block(800)
    },
    LIMITS,
  )
  const messages = Array.from({ length: 10 }, (_, i) => `m-${i}`)
  await Promise.all(messages.map((message) => made.publisher.publish(made.toBot, { message })))
  await waitFor(() => new Set(handled).size === 10, { deadlineMs: 60_000 })
  expect(await made.list()).toEqual([])
})
