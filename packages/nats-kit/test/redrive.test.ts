import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { DeadLetter, type MessageContext } from '../src/index.ts'
import { RedriveSkip } from '../src/admin.ts'
import { waitFor } from '../src/testing.ts'
import { countMessages, useBroker } from './harness.ts'
import { setUpRedrive } from './redrive-harness.ts'

const broker = useBroker()
const failing = (): never => {
  throw new DeadLetter('down')
}

describe('a redriven message', () => {
  test('reaches the consumer that failed and no other, and is handled now', async () => {
    const made = await setUpRedrive(broker.current)
    let down = true
    const bot: string[] = []
    const log: string[] = []
    await made.app('bot', ({ message }) => (down ? failing() : void bot.push(message)))
    await made.app('log', ({ message }) => void log.push(message))
    for (const message of ['a', 'b']) await made.publisher.publish(made.toBot, { message })
    await made.waitForLetters(2)
    await waitFor(() => log.length === 2)
    down = false
    expect(await made.redrive()).toMatchObject({ dryRun: false, redriven: 2, finished: 0, skipped: {} })
    expect(await countMessages(made.connection, made.letters)).toBe(0)
    await made.waitForNoRedrives()
    expect(bot).toEqual(['a', 'b'])
    expect(log).toEqual(['a', 'b'])
  })

  test('shows its handler the original: stream, sequence, subject, id, headers time, and that it is a copy', async () => {
    const made = await setUpRedrive(broker.current)
    const seen: Record<string, unknown>[] = []
    await made.app('bot', (message, context: MessageContext) => {
      const { stream, seq, subject, consumer, channel, id, storedAt, deliveryCount } = context
      const names = ['Nats-Msg-Id', 'Trace', 'Contract-Channel', 'Nats-Expected-Stream', 'Dead-Letter-Reason']
      const headers = names.map((name) => context.header(name))
      const redrives = context.header('Redrive-Count')
      seen.push({ message, stream, seq, subject, consumer, channel, id, storedAt, deliveryCount, headers, redrives })
      if (seen.length === 1) failing()
    })
    // Sequence 1 is somebody else's, so that the copy's own sequence is another.
    await made.publisher.publish(made.toLog, { message: 'for another' })
    await made.publisher.publish(made.toBot, { message: 'x' }, { id: 'my-id', headers: { Trace: 't' } })
    await made.waitForLetters(1)
    await made.redrive()
    await waitFor(() => seen.length === 2)
    expect(seen[0]).toMatchObject({ seq: 2, id: 'my-id', redrives: undefined })
    expect(seen[0]).toMatchObject({ headers: ['my-id', 't', 'to-bot', made.stream.name, undefined] })
    expect(seen[1]).toEqual({ ...seen[0], redrives: '1' })
  })

  test('that fails again is a letter of the original again, with its count, up to the limit', async () => {
    const made = await setUpRedrive(broker.current)
    let calls = 0
    await made.app('bot', () => (calls++, failing()))
    await made.publisher.publish(made.toBot, { message: 'loops' }, { id: 'my-id' })
    await made.waitForLetters(1)
    const [first] = await made.list()
    for (const redrives of [1, 2]) {
      expect(await made.redrive({}, { maxRedrives: 2 })).toMatchObject({ redriven: 1 })
      const [again] = await waitFor(async () =>
        (await made.list())[0]?.redrives === redrives ? made.list() : undefined,
      )
      expect(again).toMatchObject({ channel: 'to-bot', consumer: 'bot_to-bot', original: first?.original })
      expect(again).toMatchObject({ reason: 'handler_gave_up', error: 'down', deliveries: 1, size: first?.size })
    }
    await made.waitForNoRedrives()
    const { outcomes, ...report } = await made.redrive({}, { maxRedrives: 2 })
    expect(report).toEqual({ dryRun: false, redriven: 0, finished: 0, skipped: { [RedriveSkip.LimitReached]: 1 } })
    expect(outcomes).toMatchObject([{ action: 'skipped', why: 'limit_reached', letter: { redrives: 2 } }])
    expect(await countMessages(made.connection, made.letters)).toBe(1)
    expect(calls).toBe(3)
    const headers = (await made.jsm.streams.getMessage(made.letters, { seq: 3 }))?.header
    expect(headers?.get('Dead-Letter-Original-Nats-Msg-Id')).toBe('my-id')
    expect(headers?.get('Dead-Letter-Stream')).toBe(made.stream.name)
  })

  test('that fails while the run goes on is not part of that run', async () => {
    const made = await setUpRedrive(broker.current)
    await made.app('bot', failing)
    for (const message of ['a', 'b']) await made.publisher.publish(made.toBot, { message })
    await made.waitForLetters(2)
    // Before the second message's turn, the first one's new letter is there.
    const again = async () => waitFor(async () => (await made.list()).some(({ redrives }) => redrives === 1))
    const report = await made.redrive({}, { ratePerSecond: 1, clock: { now: () => 0, sleep: again } })
    expect(report).toMatchObject({ redriven: 2 })
    await waitFor(async () => (await made.list()).every(({ redrives }) => redrives === 1))
  })

  test('goes to whom the letter’s subject names, whatever its headers say', async () => {
    const made = await setUpRedrive(broker.current)
    const bot: string[] = []
    const log: string[] = []
    await made.app('bot', ({ message }) => void bot.push(message))
    await made.app('log', ({ message }) => void log.push(message))
    const { connection, stream } = made
    const headers = { consumer: 'log_to-bot', stream: 'ANOTHER', sequence: '9' }
    const lines = Object.entries(headers).map(([name, value]) => `Dead-Letter-${name}: ${value}\r\n`)
    const forged = { encode: () => Buffer.from(`NATS/1.0\r\n${lines.join('')}\r\n`) } as never
    const body = JSON.stringify({ message: 'forged' })
    connection.client.publish(`dead-letter.${stream.name}.bot_to-bot.1.5`, body, { headers: forged })
    await made.waitForLetters(1)
    expect(await made.redrive()).toMatchObject({ redriven: 1 })
    await waitFor(() => bot.length === 1)
    await made.waitForNoRedrives()
    expect(log).toEqual([])
  })
})

describe('a run', () => {
  test('is dry unless told otherwise, and changes nothing then', async () => {
    const made = await setUpRedrive(broker.current)
    await made.app('bot', failing)
    for (const message of ['a', 'b']) await made.publisher.publish(made.toBot, { message })
    await made.waitForLetters(2)
    const before = await made.list()
    const { outcomes, ...report } = await made.redrive({}, { dryRun: undefined as never })
    expect(report).toEqual({ dryRun: true, redriven: 2, finished: 0, skipped: {} })
    expect(outcomes.map(({ letter }) => letter)).toEqual(before)
    expect(await made.list()).toEqual(before)
    expect((await made.jsm.streams.info(made.redrives)).state.last_seq).toBe(0)
  })

  test('keeps to its rate: while the clock stands still, nothing more is sent', async () => {
    const made = await setUpRedrive(broker.current)
    await made.app('bot', failing)
    for (const message of ['a', 'b', 'c']) await made.publisher.publish(made.toBot, { message })
    await made.waitForLetters(3)
    let time = 1_000
    const waits: { readonly ms: number; readonly pass: () => void }[] = []
    const clock = {
      now: () => time,
      sleep: (ms: number) => new Promise<void>((resolve) => waits.push({ ms, pass: () => resolve() })),
    }
    const sent = async () => (await made.jsm.streams.info(made.redrives)).state.last_seq
    const running = made.redrive({}, { ratePerSecond: 2, clock })
    for (const already of [1, 2]) {
      await waitFor(() => waits.length === already)
      await sleep(50)
      expect(await sent()).toBe(already)
      expect(waits.map(({ ms }) => ms)).toEqual(Array.from({ length: already }, () => 500))
      time += 500
      waits.at(-1)?.pass()
    }
    expect(await running).toMatchObject({ redriven: 3 })
    expect(await sent()).toBe(3)
  })

  test('leaves a letter that has no body, or whose consumer has no reader, and says so', async () => {
    const made = await setUpRedrive(broker.current)
    await made.app('bot', () => undefined)
    const lost = Buffer.from('NATS/1.0\r\nDead-Letter-Lost: true\r\n\r\n')
    made.connection.client.publish(`dead-letter.${made.stream.name}.bot_to-bot.77.5`, '', {
      headers: { encode: () => lost } as never,
    })
    made.connection.client.publish(`dead-letter.${made.stream.name}.gone_to-bot.1.5`, '{"message":"x"}')
    await made.waitForLetters(2)
    const { outcomes, skipped } = await made.redrive()
    expect(skipped).toEqual({ [RedriveSkip.OriginalLost]: 1, [RedriveSkip.NoReader]: 1 })
    expect(outcomes.map(({ action, letter }) => [action, letter.consumer]).sort()).toEqual([
      ['skipped', 'bot_to-bot'],
      ['skipped', 'gone_to-bot'],
    ])
    expect(await made.list()).toHaveLength(2)
    expect((await made.jsm.streams.info(made.redrives)).state.last_seq).toBe(0)
  })

  test('leaves a letter that the broker does not take again, says why, and goes on', async () => {
    const made = await setUpRedrive(broker.current)
    let down = true
    await made.app('bot', () => (down ? failing() : undefined))
    for (const message of ['x'.repeat(200), 'short']) await made.publisher.publish(made.toBot, { message })
    await made.waitForLetters(2)
    down = false
    await made.jsm.streams.update(made.redrives, { max_msg_size: 700 })
    const { outcomes, redriven } = await made.redrive()
    expect(redriven).toBe(1)
    expect(outcomes).toMatchObject([{ action: 'skipped', why: 'refused', letter: { seq: 1 } }, { action: 'redriven' }])
    expect(outcomes[0]).toHaveProperty('detail', expect.stringContaining('message size exceeds maximum'))
    expect(await made.list()).toMatchObject([{ seq: 1 }])
  })

  test.each([
    [{ ratePerSecond: 0 }, /ratePerSecond/],
    [{ ratePerSecond: Number.NaN }, /ratePerSecond/],
    [{ maxRedrives: 0 }, /maxRedrives/],
  ])('refuses %o', async (options, why) => {
    const made = await setUpRedrive(broker.current)
    await expect(made.redrive({}, options)).rejects.toThrow(why)
  })
})
