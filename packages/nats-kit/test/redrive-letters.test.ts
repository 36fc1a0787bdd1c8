import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { KitErrorCode } from '../src/index.ts'
import { type DeadLetterFilter, discardDeadLetters, listDeadLetters, showDeadLetter } from '../src/admin.ts'
import { makeContracts, open, useBroker } from './harness.ts'
import { collect, setUpRedrive } from './redrive-harness.ts'

const broker = useBroker()

/** Letters as apps would have stored them, the first two `olderMs` before the others. */
async function setUp(olderMs = 0) {
  const made = await setUpRedrive(broker.current)
  const store = async (consumer: string, seq: number, channel: string, reason: string, redrives = 0) => {
    const fields = { 'Dead-Letter-Channel': channel, 'Dead-Letter-Reason': reason, 'Redrive-Count': redrives }
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
    const headers = { encode: () => Buffer.from(`NATS/1.0\r\n${lines.join('')}\r\n`) } as never
    await made.connection.client.request(`dead-letter.${made.stream.name}.${consumer}.${seq}.5`, `{"n":${seq}}`, {
      headers,
      timeout: 5_000,
    })
  }
  await store('bot_to-bot', 1, 'to-bot', 'invalid_message')
  await store('log_to-bot', 1, 'to-bot', 'handler_gave_up')
  await sleep(olderMs)
  await store('log_to-log', 2, 'to-log', 'handler_gave_up', 2)
  await store('log_to-log', 3, 'to-log', 'invalid_message')
  return { ...made, store }
}

describe('dead letters', () => {
  test('are listed by channel, consumer, reason, age, number and how many', async () => {
    const made = await setUp(1_000)
    const seqs = async (filter: DeadLetterFilter) => (await made.list(filter)).map(({ seq }) => seq)
    expect(await seqs({})).toEqual([1, 2, 3, 4])
    expect(await seqs({ channel: 'to-bot' })).toEqual([1, 2])
    expect(await seqs({ consumer: 'log_to-log' })).toEqual([3, 4])
    expect(await seqs({ reason: 'handler_gave_up' })).toEqual([2, 3])
    const [, before, after] = (await made.list()).map(({ storedAt }) => storedAt.getTime()) as [number, number, number]
    const age = () => Date.now() - (before + after) / 2
    expect(await seqs({ olderThanMs: age() })).toEqual([1, 2])
    expect(await seqs({ newerThanMs: age() })).toEqual([3, 4])
    expect(await seqs({ olderThanMs: 3_600_000 })).toEqual([])
    expect(await seqs({ seq: 3 })).toEqual([3])
    expect(await seqs({ seq: 9 })).toEqual([])
    expect(await seqs({ limit: 3 })).toEqual([1, 2, 3])
    expect(await seqs({ reason: 'invalid_message', limit: 1 })).toEqual([1])
    expect(await seqs({ channel: 'to-log', reason: 'invalid_message', newerThanMs: 60_000 })).toEqual([4])
    const [third] = await made.list({ seq: 3 })
    const original = { stream: made.stream.name, seq: 2, storedNanos: '5' }
    expect(third).toMatchObject({ consumer: 'log_to-log', redrives: 2, original, size: 7, lost: false })
  })

  test('are read one at a time, and those stored meanwhile are left for the next time', async () => {
    const made = await setUp()
    const seen: number[] = []
    for await (const { seq } of listDeadLetters(made.connection, made.stream.name)) {
      seen.push(seq)
      if (seq === 1) await made.store('log_to-log', 4, 'to-log', 'invalid_message')
      if (seq === 2) await made.jsm.streams.deleteMessage(made.letters, 3)
    }
    expect(seen).toEqual([1, 2, 4])
    expect(await made.list()).toHaveLength(4)
  })

  test('what is no letter is passed over', async () => {
    const made = await setUp()
    const { client } = made.connection
    for (const rest of ['odd', 'app_to-bot.x.5', 'app_to-bot.1.x', 'app_to-bot.1.2.3']) {
      await client.request(`dead-letter.${made.stream.name}.${rest}`, 'x')
    }
    expect(await made.list()).toHaveLength(4)
    expect(await showDeadLetter(made.connection, made.stream.name, 5)).toBeUndefined()
  })

  test('one is shown with its body; a number that there is not, is not', async () => {
    const made = await setUp()
    const letter = await showDeadLetter(made.connection, made.stream.name, 2)
    expect(Buffer.from(letter?.original.data ?? []).toString()).toBe('{"n":1}')
    expect(letter?.headers.lines).toContainEqual(['Dead-Letter-Reason', 'handler_gave_up'])
    expect(letter?.entry).toMatchObject({ seq: 2, consumer: 'log_to-bot' })
    expect(await showDeadLetter(made.connection, made.stream.name, 99)).toBeUndefined()
  })

  test('are discarded by the same filters, and without a word to the contrary not at all', async () => {
    const made = await setUp()
    const { connection, stream } = made
    const told: number[] = []
    const options = { onDiscarded: ({ seq }: { seq: number }) => void told.push(seq) }
    expect(await discardDeadLetters(connection, stream.name, { channel: 'to-log' }, options)).toEqual({
      dryRun: true,
      discarded: 2,
    })
    expect(await made.list()).toHaveLength(4)
    const real = await discardDeadLetters(connection, stream.name, { channel: 'to-log' }, { ...options, dryRun: false })
    expect(real).toEqual({ dryRun: false, discarded: 2 })
    expect(told).toEqual([3, 4, 3, 4])
    expect((await made.list()).map(({ seq }) => seq)).toEqual([1, 2])
  })

  test('of a stream that is not there are an error, and so is a filter that cannot work', async () => {
    const connection = await open(broker.current)
    const list = (filter: DeadLetterFilter, stream = makeContracts().stream.name) =>
      collect(listDeadLetters(connection, stream, filter))
    await expect(list({})).rejects.toMatchObject({ code: KitErrorCode.StreamMissing })
    for (const filter of [{ consumer: 'a.>' }, { limit: 0 }, { seq: 1.5 }, { olderThanMs: Number.NaN }]) {
      await expect(list(filter), JSON.stringify(filter)).rejects.toMatchObject({ code: KitErrorCode.InvalidOptions })
    }
  })
})
