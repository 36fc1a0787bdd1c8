import { headers, type Msg } from '@nats-io/transport-node'
import { expect, test } from 'vitest'
import { ensureWatchConsumer, WATCH_CONSUMER, watchCursors } from '../src/admin.ts'
import { createStreamWatch, ensureStreams, type StreamWatch, type WatchPosition } from '../src/index.ts'
import { waitFor } from '../src/testing.ts'
import { makeContracts, manager, onEnd, open, startBroker, type TestConnection, useBroker } from './harness.ts'

const broker = useBroker()

interface Watched {
  readonly connection: TestConnection
  readonly stream: ReturnType<typeof makeContracts>['stream']
  readonly toBot: ReturnType<typeof makeContracts>['toBot']
  readonly letters: string
  watch(leaseMs?: number): StreamWatch
  /** Stores a letter as a consumer does. */
  store(consumer: string, seq: number, reason: string, body?: string): Promise<void>
}

async function startWatched(options: Parameters<typeof makeContracts>[0] = {}): Promise<Watched> {
  const { stream, toBot } = makeContracts(options)
  const connection = await open(broker.current, { name: 'watcher' })
  await ensureStreams(connection, [stream], { mode: 'apply', watched: true })
  return {
    connection,
    stream,
    toBot,
    letters: `${stream.name}_DLQ`,
    watch(leaseMs = 3_000) {
      const watch = createStreamWatch(connection, { stream, leaseMs })
      onEnd(() => watch.close())
      return watch
    },
    async store(consumer, seq, reason, body = 'the body') {
      const set = headers()
      set.set('Dead-Letter-Reason', reason)
      await connection.client.request(`dead-letter.${stream.name}.${consumer}.${seq}.17`, body, {
        headers: set,
        timeout: 5_000,
      })
    },
  }
}

async function readAll(watch: StreamWatch, after?: WatchPosition) {
  const notices: Awaited<ReturnType<StreamWatch['deadLetters']>>['notices'][number][] = []
  for (let position = after; ;) {
    const read = await watch.deadLetters(position)
    notices.push(...read.notices)
    position = read.position
    if (!read.more) return { notices, position }
  }
}

test('tells of each letter once, in order, from where the reader was; parts are no letters', async () => {
  const { connection, stream, watch, store } = await startWatched()
  for (let i = 1; i <= 3; i++) await store('app_to-bot', i, 'handler_gave_up')
  await connection.client.request(`dead-letter.${stream.name}.app_to-bot.4.17.0-9`, 'a part')
  await store('app_to-bot', 4, 'invalid_message')
  const first = await readAll(watch())
  expect(first.notices.map(({ consumer, reason }) => [consumer, reason])).toEqual([
    ...Array.from({ length: 3 }, () => ['app_to-bot', 'handler_gave_up']),
    ['app_to-bot', 'invalid_message'],
  ])
  expect(first.notices.map(({ seq }) => seq)).toEqual([1, 2, 3, 5])
  expect(Math.abs((first.notices[0]?.storedAt.getTime() ?? 0) - Date.now())).toBeLessThan(60_000)
  // Another process, with the position that was kept.
  const next = watch()
  expect((await readAll(next, first.position)).notices).toEqual([])
  await store('other_to-log', 5, 'never_settled')
  const second = await readAll(next, first.position)
  expect(second.notices.map(({ consumer, seq }) => [consumer, seq])).toEqual([['other_to-log', 6]])
})

test('1,300 letters and a reader that moves the cursor in between: none is left out, none told twice', async () => {
  const { connection, stream, letters, watch } = await startWatched()
  for (let i = 1; i <= 1_300; i++) connection.client.publish(`dead-letter.${stream.name}.c.${i}.17`, 'x')
  const of = await manager(connection)
  await waitFor(async () => (await of.streams.info(letters)).state.messages === 1_300, { what: 'all are stored' })
  const [one, other] = [watch(), watch()]
  const all = readAll(one)
  for (let i = 0; i < 5; i++) await other.deadLetters(undefined)
  const { notices } = await all
  expect(notices.map(({ seq }) => seq)).toEqual(Array.from({ length: 1_300 }, (_, index) => index + 1))
})

test('shows no body, whatever the reader asks the cursor for', async () => {
  const { connection, letters, store } = await startWatched()
  await store('c', 1, 'handler_gave_up', 'a secret')
  const next = `$JS.API.CONSUMER.MSG.NEXT.${letters}.${WATCH_CONSUMER}`
  // Its subject is the letter's own, which the client's own requests do not hear.
  const inbox = `${connection.inboxPrefix}.test`
  const answered = new Promise<Msg>((resolve) =>
    connection.client.subscribe(inbox, { callback: (_, message) => resolve(message) }),
  )
  connection.client.publish(next, JSON.stringify({ batch: 1, no_wait: true, headers_only: false }), { reply: inbox })
  const answer = await answered
  expect(answer.string()).toBe('')
  expect(answer.headers?.get('Nats-Msg-Size')).toBe('8')
})

test('what others write in subject and headers is text, and ends nothing', async () => {
  const { connection, stream, watch, store } = await startWatched()
  await store('<!channel>$(reboot)', 1, '"; rm -rf / @everyone')
  await connection.client.request(`dead-letter.${stream.name}.none.not-a-number.x`, 'x')
  const { notices } = await readAll(watch())
  expect(notices.map(({ consumer, reason }) => [consumer, reason])).toEqual([
    ['<!channel>$(reboot)', '"; rm -rf / @everyone'],
    ['none', ''],
  ])
})

test('a cursor that was made again repeats nothing, and a stream that was made again hides nothing', async () => {
  const { connection, stream, letters, watch, store } = await startWatched()
  for (let i = 1; i <= 3; i++) await store('c', i, 'handler_gave_up')
  const { position } = await readAll(watch())
  const of = await manager(connection)
  await of.consumers.delete(letters, WATCH_CONSUMER)
  await ensureStreams(connection, [stream], { mode: 'apply', watched: true })
  await store('c', 4, 'handler_gave_up')
  const again = await readAll(watch(), position)
  expect(again.notices).toMatchObject([{ seq: 4 }])
  expect((await readAll(watch(), again.position)).notices).toEqual([])
  await of.streams.delete(letters)
  await ensureStreams(connection, [stream], { mode: 'apply', watched: true })
  await store('c', 9, 'handler_gave_up')
  expect((await readAll(watch(), again.position)).notices).toMatchObject([{ consumer: 'c', seq: 1 }])
})

test('letters in the shares of their consumers are told as well', async () => {
  const { connection, stream, watch, store } = await startWatched()
  const set = headers()
  set.set('Dead-Letter-Reason', 'handler_gave_up')
  await connection.client.request(`dead-letter-share.${stream.name}.app_to-bot`, 'x', { headers: set, timeout: 5_000 })
  await store('other', 1, 'never_settled')
  const { notices } = await readAll(watch())
  expect(notices.map(({ consumer, inShare, reason }) => [consumer, inShare, reason])).toEqual([
    ['other', false, 'never_settled'],
    ['app_to-bot', true, 'handler_gave_up'],
  ])
})

test('the cursor is made where it is missing, and made again where it would show bodies', async () => {
  const { connection, stream, letters, watch, store } = await startWatched()
  const of = await manager(connection)
  await store('c', 1, 'handler_gave_up')
  await of.consumers.delete(letters, WATCH_CONSUMER)
  await expect(watch().deadLetters(undefined)).rejects.toMatchObject({
    code: 'stream_missing',
    message: expect.stringContaining('pnpm ops apply') as string,
  })
  await of.consumers.add(letters, { durable_name: WATCH_CONSUMER, ack_policy: 'explicit' })
  await ensureStreams(connection, [stream], { mode: 'apply', watched: true })
  expect((await of.consumers.info(letters, WATCH_CONSUMER)).config).toMatchObject({ headers_only: true })
  for (const cursor of watchCursors(stream)) expect(await ensureWatchConsumer(of, cursor)).toBe('none')
  expect((await readAll(watch())).notices).toHaveLength(1)
})

test('one instance has the lease; it is free when that one gives it up, and when it died', async () => {
  const server = await startBroker()
  const { stream } = makeContracts()
  const dying = await open(server, { name: 'watcher' })
  await ensureStreams(dying, [stream], { mode: 'apply', watched: true })
  const first = createStreamWatch(dying, { stream, leaseMs: 3_000 })
  const second = createStreamWatch(await open(server, { name: 'watcher' }), { stream, leaseMs: 3_000 })
  onEnd(() => second.close())
  const held = await first.lead()
  expect(held).toBeDefined()
  expect(await second.lead()).toBeUndefined()
  await held?.release()
  const next = await second.lead()
  expect(next).toBeDefined()
  await next?.release()
  const again = await first.lead()
  expect(again).toBeDefined()
  // As a process that is killed: nothing is renewed from here on.
  await dying.client.close()
  await waitFor(async () => (await second.lead()) !== undefined, { what: 'the lease ends', deadlineMs: 20_000 })
})

test('a lease that cannot be renewed is lost', async () => {
  const { connection, stream, watch } = await startWatched()
  const lease = await watch().lead()
  expect(lease?.lost.aborted).toBe(false)
  const bucket = `$KV.${stream.name}_ONCE.watcher_watch.lease`
  await connection.client.request(bucket, 'somebody else')
  await waitFor(() => lease?.lost.aborted === true, { what: 'the lease is lost', deadlineMs: 20_000 })
})

test('records are written by one at a time', async () => {
  const { watch } = await startWatched()
  const [one, other] = [watch(), watch()]
  expect(await one.record('a')).toMatchObject({ value: undefined, seq: 0 })
  const seq = (await one.putRecord('a', 'first', 0)) ?? 0
  expect(await other.putRecord('a', 'second', 0)).toBeUndefined()
  expect(await other.record('a')).toMatchObject({ value: 'first', seq })
  expect(await other.putRecord('a', 'second', seq)).toBeGreaterThan(seq)
})

test('a look tells how consumers and streams stand, and what was missed since the look before', async () => {
  const { connection, stream, toBot, watch } = await startWatched({ maxMessages: 10 })
  const of = await manager(connection)
  await of.consumers.add(stream.name, {
    durable_name: 'app_to-bot',
    ack_policy: 'explicit',
    filter_subject: toBot.subject,
  })
  const looking = watch()
  for (let i = 0; i < 8; i++) await connection.client.request(toBot.subject, '{"message":"x"}')
  const consumerIn = async () => (await looking.look()).consumers.find(({ consumer }) => consumer === 'app_to-bot')
  expect(await consumerIn()).toEqual({
    stream: stream.name,
    consumer: 'app_to-bot',
    waiting: 8,
    open: 0,
    settled: 0,
    paused: false,
    missed: 0,
  })
  const [main, ...companions] = (await looking.look()).streams
  expect(main).toMatchObject({ stream: stream.name, messages: 8, fill: 0.8, refuses: false })
  expect(companions.map((each) => [each.stream, each.refuses])).toEqual([
    [`${stream.name}_REDRIVE`, true],
    [`${stream.name}_DLQ`, true],
  ])
  for (let i = 0; i < 12; i++) await connection.client.request(toBot.subject, '{"message":"x"}')
  // Beside another channel it is certain of what waited at the look before.
  expect(await consumerIn()).toMatchObject({ waiting: 10, missed: 8 })
  expect(await consumerIn()).toMatchObject({ missed: 0 })
})
