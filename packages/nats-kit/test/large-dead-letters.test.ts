import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  type DeadLetterEntry,
  discardDeadLetters,
  listDeadLetters,
  redriveDeadLetters,
  showDeadLetter,
} from '../src/admin.ts'
import { createSubscriber, DeadLetter, defineHandler, ensureStreams } from '../src/index.ts'
import { waitFor } from '../src/testing.ts'
import { countMessages, makeContracts, manager, onEnd, open, startBroker } from './harness.ts'

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

test('the parts of a letter are its message’s bytes, also when the broker’s limit changes between them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'max-payload-'))
  onEnd(async () => rmSync(folder, { recursive: true }))
  const config = join(folder, 'nats.conf')
  const write = (kib: number): void =>
    writeFileSync(config, `max_payload: ${kib * 1024}\njetstream { max_file: 1TB }\n`)
  write(128)
  const broker = await startBroker({ config })
  const { contracts, toBot, stream } = makeContracts()
  const connection = await open(broker)
  await ensureStreams(connection, [stream], { mode: 'apply' })
  const jsm = await manager(connection)
  const body = Array.from({ length: 20_000 }, (_, i) => String(i).padStart(5, '0')).join('')
  await connection.client.request(toBot.subject, body)
  const limit = async (kib: number): Promise<void> => {
    write(kib)
    process.kill(broker.pid, 'SIGHUP')
    // The server tells a connection its limit when it is made.
    await waitFor(async () => {
      const probe = await open(broker)
      return probe.client.info?.max_payload === kib * 1024
    })
    await connection.client.reconnect()
    await waitFor(() => connection.client.info?.max_payload === kib * 1024)
  }
  await limit(64)
  // Space for a part, and none for the letter.
  await jsm.streams.update(`${stream.name}_DLQ`, { max_msgs: 1 })
  const subscriber = createSubscriber(connection, { contracts, app: 'app', handlers: [defineHandler(toBot, () => {})] })
  onEnd(() => subscriber.stop(1_000))
  subscriber.start()
  await waitFor(() => subscriber.checks().some(({ detail }) => /dead letters cannot be stored/.test(detail)), {
    deadlineMs: 30_000,
  })
  await limit(40)
  await jsm.streams.update(`${stream.name}_DLQ`, { max_msgs: 100 })
  const letters: DeadLetterEntry[] = []
  await waitFor(
    async () => {
      letters.length = 0
      for await (const letter of listDeadLetters(connection, stream.name)) letters.push(letter)
      return letters.length === 1
    },
    { deadlineMs: 30_000 },
  )
  const letter = await showDeadLetter(connection, stream.name, letters[0]?.seq ?? 0)
  expect(Buffer.from(letter?.original.data ?? []).toString() === body).toBe(true)
})
