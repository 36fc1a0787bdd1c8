import { expect, test } from 'vitest'
import {
  deadLetterShareSubject,
  deadLetterSharesStreamName,
  discardDeadLetters,
  RedriveSkip,
  showDeadLetter,
} from '../src/admin.ts'
import { DeadLetter } from '../src/index.ts'
import { waitFor } from '../src/testing.ts'
import { countMessages, useBroker } from './harness.ts'
import { setUpRedrive } from './redrive-harness.ts'

const broker = useBroker()

/** A bus whose dead letters have no room left, as one app can leave it. */
async function setUpFull() {
  const made = await setUpRedrive(broker.current)
  const { jsm, connection, letters, stream } = made
  // No letters, by what their subjects say.
  for (let i = 0; i < 3; i++) await connection.client.request(`dead-letter.${stream.name}.neighbour_to-bot.x.${i}`, 'x')
  await jsm.streams.update(letters, { max_msgs: 3 })
  const shares = deadLetterSharesStreamName(stream.name)
  const inShares = (count: number) =>
    waitFor(async () => (await countMessages(connection, shares)) === count, { what: `${count} letters in shares` })
  return { ...made, shares, inShares, free: () => jsm.streams.update(letters, { max_msgs: 1_000 }) }
}

test('where another app has filled the dead letters, a consumer’s own go to its share: listed, shown, redriven, discarded', async () => {
  const made = await setUpFull()
  const { publisher, toBot, stream, connection, inShares, list, redrive, jsm, letters } = made
  let isDown = true
  const handled: string[] = []
  const app = await made.app('app', ({ message }) => {
    if (isDown) throw new DeadLetter('down')
    handled.push(message)
  })
  for (const message of ['first', 'second', 'third'])
    await publisher.publish(toBot, { message }, { headers: { 'X-Kept': message } })
  await inShares(3)
  expect(app.checks().filter(({ ok }) => !ok)).toEqual([])

  const found = await list()
  expect(found).toMatchObject(
    [1, 2, 3].map((seq) => ({
      consumer: 'app_to-bot',
      channel: 'to-bot',
      reason: 'handler_gave_up',
      original: { seq },
    })),
  )
  expect(await list({ consumer: 'app_to-bot', limit: 2 })).toEqual(found.slice(0, 2))
  expect(await list({ consumer: 'other_to-bot' })).toEqual([])
  const [one, two, three] = found
  expect(await list({ seq: two?.seq ?? 0 })).toEqual([two])
  const shown = await showDeadLetter(connection, stream.name, three?.seq ?? 0)
  expect(JSON.parse(Buffer.from(shown?.original.data ?? []).toString())).toEqual({ message: 'third' })
  expect(Buffer.from(shown?.original.headerBytes ?? []).toString()).toContain('X-Kept: third')

  expect(await discardDeadLetters(connection, stream.name, { seq: one?.seq ?? 0 }, { dryRun: false })).toMatchObject({
    discarded: 1,
  })
  isDown = false
  expect(await redrive()).toMatchObject({ redriven: 2, skipped: {} })
  await waitFor(() => handled.length === 2)
  expect(handled.toSorted()).toEqual(['second', 'third'])
  await made.waitForNoRedrives()
  expect(await list()).toEqual([])
  expect((await jsm.streams.info(letters)).state.messages).toBe(3)
})

test('with room again letters go where all are, and both are listed by age', async () => {
  const made = await setUpFull()
  const { publisher, toBot, inShares, free, list, waitForLetters } = made
  await made.app('app', () => {
    throw new DeadLetter('down')
  })
  await publisher.publish(toBot, { message: 'first' })
  await inShares(1)
  await free()
  await publisher.publish(toBot, { message: 'second' })
  await waitForLetters(4)
  const found = await list({ consumer: 'app_to-bot' })
  expect(found.map(({ original }) => original.seq)).toEqual([1, 2])
  expect(found.map(({ seq }) => seq)).toEqual([1_000_000_000_001, 4])
})

test('what one consumer puts into its share takes no room from another’s', async () => {
  const made = await setUpFull()
  const { publisher, toBot, connection, inShares, shares, jsm, stream, list } = made
  const { config } = await jsm.streams.info(shares)
  // As large as the server takes, and more of them than it takes.
  const body = new Uint8Array(config.max_msg_size)
  const answers: { error?: { err_code: number } }[] = []
  for (let i = 0; i < config.max_msgs_per_subject + 5; i++) {
    const subject = deadLetterShareSubject(stream.name, 'neighbour_to-bot')
    answers.push((await connection.client.request(subject, body)).json())
  }
  expect(answers.filter(({ error }) => error)).toHaveLength(5)
  const { max_msgs_per_subject: share, max_bytes, max_msg_size } = config
  expect(64 * share * max_msg_size).toBeLessThanOrEqual(max_bytes)
  await made.app('app', () => {
    throw new DeadLetter('down')
  })
  await publisher.publish(toBot, { message: 'mine' })
  await inShares(share + 1)
  expect(await list({ consumer: 'app_to-bot' })).toHaveLength(1)
  // Nothing of what it put there is a letter.
  expect(await list()).toHaveLength(1)
})

test('with its share full too an app says so, keeps the message, and stores it when there is room', async () => {
  const made = await setUpFull()
  const { publisher, toBot, jsm, shares, inShares, free, stream, connection, list } = made
  await jsm.streams.update(shares, { max_msgs_per_subject: 1 })
  await connection.client.request(deadLetterShareSubject(stream.name, 'app_to-bot'), 'x')
  const app = await made.app('app', () => {
    throw new DeadLetter('down')
  })
  await publisher.publish(toBot, { message: 'held' })
  await waitFor(() =>
    app.checks().some(({ ok, detail }) => !ok && /nor is there room in the consumer's share/.test(detail)),
  )
  await inShares(1)
  await free()
  await waitFor(async () => (await list()).length === 1)
  await waitFor(() => app.checks().every(({ ok }) => ok))
})

test('a letter whose message was not ended before there was room again stands twice, and its message is redriven once', async () => {
  const made = await setUpFull()
  const { publisher, toBot, inShares, free, waitForLetters, redrive, list, jsm, stream } = made
  let isDown = true
  const handled: string[] = []
  const down = ({ message }: { message: string }): void => {
    if (isDown) throw new DeadLetter('down')
    handled.push(message)
  }
  const first = await made.app('app', down)
  await publisher.publish(toBot, { message: 'x' })
  await inShares(1)
  await first.stop(5_000)
  // As if the broker had not heard of the message's end.
  await free()
  await jsm.consumers.delete(stream.name, 'app_to-bot')
  await made.app('app', down)
  await waitForLetters(4)
  expect(await list()).toHaveLength(2)
  isDown = false
  expect((await redrive()).outcomes).toMatchObject([
    { action: 'finished', letter: { seq: 1_000_000_000_001 } },
    { action: 'redriven', letter: { seq: 4 } },
  ])
  await waitFor(() => handled.length === 1)
  await made.waitForNoRedrives()
  expect(await list()).toEqual([])
  expect(handled).toEqual(['x'])
})

test('a consumer that does not read what is redriven to it leaves room for the others', async () => {
  const made = await setUpRedrive(broker.current)
  const { publisher, toBot, redrive, redrives, jsm, list } = made
  const handled: string[] = []
  let isDown = true
  const stuck = await made.app('stuck', () => {
    throw new DeadLetter('down')
  })
  await made.app('well', ({ message }) => {
    if (isDown) throw new DeadLetter('down')
    handled.push(message)
  })
  for (let i = 0; i < 8; i++) await publisher.publish(toBot, { message: String(i) })
  await waitFor(async () => (await list()).length === 16)
  isDown = false
  await stuck.stop(5_000)
  await jsm.streams.update(redrives, { max_msgs: 8 })
  const behind = await redrive({ consumer: 'stuck_to-bot' })
  // The half that is for all, and of the rest what two consumers have each.
  expect(behind).toMatchObject({ redriven: 4, skipped: { [RedriveSkip.ReaderBehind]: 4 } })
  expect(await redrive({ consumer: 'well_to-bot' })).toMatchObject({ redriven: 8, skipped: {} })
  await waitFor(() => handled.length === 8)
  expect(await list()).toHaveLength(4)
})
