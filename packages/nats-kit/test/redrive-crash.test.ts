import { describe, expect, test } from 'vitest'
import { DeadLetter } from '../src/index.ts'
import { deadLetterSharesStreamName } from '../src/admin.ts'
import { waitFor } from '../src/testing.ts'
import { countMessages, useBroker } from './harness.ts'
import { forgetIds, setUpRedrive, withoutRemoving } from './redrive-harness.ts'

const broker = useBroker()

/** One letter whose message was redriven by a run that ended before it could remove the letter. */
async function cutOff(options: { readonly running: boolean; readonly handlesNow: boolean }) {
  const made = await setUpRedrive(broker.current)
  let fails = true
  const calls: string[] = []
  const handle = ({ message }: { readonly message: string }): void => {
    calls.push(message)
    if (fails) throw new DeadLetter('down')
  }
  const app = await made.app('bot', handle)
  await made.publisher.publish(made.toBot, { message: 'x' })
  await made.waitForLetters(1)
  fails = !options.handlesNow
  if (!options.running) await app.stop(1_000)
  const cut = made.redrive({}, {}, withoutRemoving(made.connection))
  await expect(cut).rejects.toThrow(/letter 1 was redriven, but not removed; the next run removes it/)
  return { ...made, calls, handle, again: () => made.app('bot', handle) }
}

describe('a run that ended between the store and the removal', () => {
  test('its copy waits: the next run removes the letter and stores no second copy, however late it comes', async () => {
    const made = await cutOff({ running: false, handlesNow: true })
    await forgetIds(made.jsm, made.redrives)
    expect(await made.redrive()).toMatchObject({ redriven: 0, finished: 1 })
    expect(await countMessages(made.connection, made.letters)).toBe(0)
    expect(await countMessages(made.connection, made.redrives)).toBe(1)
    await made.again()
    await made.waitForNoRedrives()
    expect(made.calls).toEqual(['x', 'x'])
  })

  test('its copy was handled: the next run within ten minutes removes the letter and sends nothing', async () => {
    const made = await cutOff({ running: true, handlesNow: true })
    await made.waitForNoRedrives()
    expect(await made.redrive()).toMatchObject({ redriven: 0, finished: 1 })
    expect(await made.list()).toEqual([])
    expect((await made.jsm.streams.info(made.redrives)).state.last_seq).toBe(1)
    expect(made.calls).toEqual(['x', 'x'])
  })

  test('its copy failed again: the next run sends the later letter alone, however late', async () => {
    const made = await cutOff({ running: true, handlesNow: false })
    await made.waitForLetters(2)
    expect((await made.list()).map(({ redrives }) => redrives)).toEqual([0, 1])
    await made.waitForNoRedrives()
    await forgetIds(made.jsm, made.redrives)
    const dry = await made.redrive({}, { dryRun: true })
    expect(dry).toMatchObject({ redriven: 1, finished: 1 })
    const { outcomes } = await made.redrive()
    expect(outcomes.map(({ action, letter }) => [action, letter.redrives])).toEqual([
      ['finished', 0],
      ['redriven', 1],
    ])
    await waitFor(async () => (await made.list())[0]?.redrives === 2)
    expect(await made.list()).toHaveLength(1)
    expect(made.calls).toEqual(['x', 'x', 'x'])
  })
})

test('a letter of another message with the same sequence, of a recreated stream, changes nothing', async () => {
  const made = await setUpRedrive(broker.current)
  const handled: string[] = []
  await made.app('bot', ({ message }) => void handled.push(message))
  const redriven = 'NATS/1.0\r\nRedrive-Count: 1\r\nRedrive-Stored-Nanos: 800\r\n\r\n'
  const headers = { encode: () => Buffer.from(redriven) } as never
  const { client } = made.connection
  client.publish(`dead-letter.${made.stream.name}.bot_to-bot.1.5`, '{"message":"old"}')
  client.publish(`dead-letter.${made.stream.name}.bot_to-bot.1.900`, '{"message":"new"}', { headers })
  await made.waitForLetters(2)
  expect(await made.redrive()).toMatchObject({ redriven: 2, finished: 0 })
  await made.waitForNoRedrives()
  expect(handled.toSorted()).toEqual(['new', 'old'])
})

describe('the reader of redriven messages', () => {
  test('is not held up by a handler that hangs: its message ends, and the next one has its turn', async () => {
    const made = await setUpRedrive(broker.current)
    const redriven: string[] = []
    const options = { maxDeliver: 2, ackWaitMs: 300, maxHandlerMs: 300, handlerGraceMs: 100 }
    const handle = ({ message }: { message: string }, context: { header(name: string): string | undefined }) => {
      if (context.header('Redrive-Count') === undefined) throw new DeadLetter('first')
      redriven.push(message)
      return message === 'hangs' ? new Promise<void>(() => undefined) : undefined
    }
    await made.app('bot', handle, options)
    for (const message of ['hangs', 'after']) await made.publisher.publish(made.toBot, { message })
    await made.waitForLetters(2)
    await made.redrive()
    await made.waitForNoRedrives()
    await waitFor(async () => (await made.list()).length === 1)
    expect(await made.list()).toMatchObject([{ reason: 'never_settled', deliveries: 2, redrives: 1 }])
    expect(redriven.filter((message) => message === 'after')).toHaveLength(1)
    expect(redriven.filter((message) => message === 'hangs')).toHaveLength(2)
  })

  test('is not well while its dead letter cannot be stored, and keeps the message until it can', async () => {
    const made = await setUpRedrive(broker.current)
    const app = await made.app('bot', () => {
      throw new DeadLetter('down')
    })
    await made.publisher.publish(made.toBot, { message: 'x' })
    await made.waitForLetters(1)
    // No space but for the letter that is there, and that stays.
    await made.jsm.streams.update(made.letters, { max_msgs: 1 })
    await made.jsm.streams.delete(deadLetterSharesStreamName(made.stream.name))
    await expect(made.redrive({}, {}, withoutRemoving(made.connection))).rejects.toThrow(/not removed/)
    const unwell = () => app.checks().filter(({ ok }) => !ok)
    await waitFor(() => unwell().length > 0, { deadlineMs: 30_000 })
    expect(unwell()).toMatchObject([
      { name: 'consumer:bot_to-bot_redrive', detail: expect.stringContaining('dead letters cannot be stored') },
    ])
    await made.jsm.streams.update(made.letters, { max_msgs: 100 })
    await waitFor(async () => (await made.list()).some(({ redrives }) => redrives === 1), { deadlineMs: 20_000 })
    await waitFor(() => unwell().length === 0, { deadlineMs: 20_000 })
    await made.waitForNoRedrives()
  })

  test('retries like the handler’s own consumer, and keeps what does not pass the schema', async () => {
    const made = await setUpRedrive(broker.current)
    const counts: number[] = []
    await made.app('bot', (_, { deliveryCount }) => {
      counts.push(deliveryCount)
      throw new Error('busy')
    })
    made.connection.client.publish(made.toBot.subject, '{"message":5}')
    await made.publisher.publish(made.toBot, { message: 'x' })
    await made.waitForLetters(2)
    await made.redrive()
    await made.waitForNoRedrives()
    const found = (await made.list()).map(({ reason, redrives, deliveries }) => [reason, redrives, deliveries])
    expect(found.sort()).toEqual([
      ['deliveries_exhausted', 1, 3],
      ['invalid_message', 1, 1],
    ])
    expect(counts).toEqual([1, 2, 3, 1, 2, 3])
  })

  test('comes back when its consumer is deleted, and what waits is handled', async () => {
    const made = await setUpRedrive(broker.current)
    let down = true
    const app = await made.app('bot', () => {
      if (down) throw new DeadLetter('down')
    })
    for (const message of ['a', 'b']) await made.publisher.publish(made.toBot, { message })
    await made.waitForLetters(2)
    down = false
    await made.redrive({ limit: 1 })
    await made.waitForNoRedrives()
    await made.jsm.consumers.delete(made.redrives, 'bot_to-bot_redrive')
    await waitFor(() => app.checks().some((check) => !check.ok))
    await waitFor(() => app.checks().every((check) => check.ok), { deadlineMs: 15_000 })
    await made.redrive()
    await made.waitForNoRedrives()
  })
})
