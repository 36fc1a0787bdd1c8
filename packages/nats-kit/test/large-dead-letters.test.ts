import { expect, test } from 'vitest'
import { discardDeadLetters, listDeadLetters, redriveDeadLetters, showDeadLetter } from '../src/admin.ts'
import { createSubscriber, DeadLetter, defineHandler, ensureStreams } from '../src/index.ts'
import { waitFor } from '../src/testing.ts'
import { countMessages, makeContracts, onEnd, open, startBroker } from './harness.ts'

const MAX_PAYLOAD = 16 * 1024

test.each([
  ['a body', '', 'x'.repeat(MAX_PAYLOAD)],
  ['headers', `NATS/1.0\r\n${'a: b\r\n'.repeat(2_727)}\r\n`, ''],
  [
    'both, with a name that cannot be written again',
    `NATS/1.0\r\nodd name: ${'b'.repeat(8_150)}\r\n\r\n`,
    'y'.repeat(8_180),
  ],
])('a message as large as the broker takes becomes one dead letter with all its bytes: %s', async (_, block, body) => {
  const broker = await startBroker({ configText: `max_payload: ${MAX_PAYLOAD}` })
  const { contracts, toBot, stream } = makeContracts()
  const connection = await open(broker)
  await ensureStreams(connection, [stream], { mode: 'apply' })
  const handled: string[] = []
  const subscriber = createSubscriber(connection, {
    contracts,
    app: 'app',
    concurrency: 1,
    handlers: [
      defineHandler(toBot, ({ message }) => {
        if (message === 'given up') throw new DeadLetter('x'.repeat(5_000))
        handled.push(message)
      }),
    ],
  })
  onEnd(() => subscriber.stop(1_000))
  subscriber.start()
  const headers = block === '' ? {} : { headers: { encode: () => Buffer.from(block) } as never }
  connection.client.publish(toBot.subject, body.slice(0, MAX_PAYLOAD - block.length), headers)
  for (const message of ['given up', 'behind']) connection.client.publish(toBot.subject, JSON.stringify({ message }))
  await waitFor(() => handled.length === 1)
  const letters = []
  for await (const letter of listDeadLetters(connection, stream.name)) letters.push(letter)
  expect(letters).toMatchObject([
    { reason: 'invalid_message', original: { seq: 1 }, lost: false },
    { reason: 'handler_gave_up', original: { seq: 2 } },
  ])
  const letter = await showDeadLetter(connection, stream.name, letters[0]?.seq ?? 0)
  expect(Buffer.from(letter?.original.data ?? []).toString()).toBe(body.slice(0, MAX_PAYLOAD - block.length))
  expect(Buffer.from(letter?.original.headerBytes ?? []).toString()).toBe(block)
  // Its copy would be larger than the broker takes: it is left, with the reason, and the next one goes.
  const report = await redriveDeadLetters(connection, stream.name, {}, { dryRun: false, ratePerSecond: 1_000 })
  expect(report.skipped).toEqual({ refused: 1 })
  expect(
    await discardDeadLetters(connection, stream.name, { seq: letters[0]?.seq ?? 0 }, { dryRun: false }),
  ).toMatchObject({
    discarded: 1,
  })
  await waitFor(async () => (await countMessages(connection, `${stream.name}_DLQ`)) === 1)
})
