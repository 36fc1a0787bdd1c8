import { AckPolicy } from '@nats-io/jetstream'
import type { Msg } from '@nats-io/transport-node'
import { describe, expect, test } from 'vitest'
import {
  type Connection,
  createKvOnceStore,
  createMemoryOnceStore,
  createSubscriber,
  defineHandler,
  ensureStreams,
  type MessageContext,
  type OnceClaim,
  onceOnly,
  type OnceStore,
} from '../src/index.ts'
import { Envelope } from '../src/handling/envelope.ts'
import { onceBucketName } from '../src/admin.ts'
import { waitFor } from '../src/testing.ts'
import { makeContracts, manager, onEnd, open, openWithStreams, type TestContracts, useBroker } from './harness.ts'

const broker = useBroker()
const storedAt = new Date(1_700_000_000_000)

/** Two views of one store, as two instances of an app have them. */
const stores: readonly [string, (made: TestContracts) => Promise<readonly [OnceStore, OnceStore]>][] = [
  [
    'in memory',
    async () => {
      const store = createMemoryOnceStore()
      return [store, store]
    },
  ],
  [
    'in KV',
    async ({ stream }) => {
      await ensureStreams(await open(broker.current), [stream], { mode: 'apply' })
      return [await kvStore(), await kvStore()]
    },
  ],
]

async function kvStore(connection?: Connection, leaseMs = 3_000): Promise<OnceStore> {
  const store = createKvOnceStore(connection ?? (await open(broker.current)), { leaseMs })
  onEnd(() => store.close())
  return store
}

async function claimed(store: OnceStore, key: Parameters<OnceStore['claim']>[0]): Promise<OnceClaim> {
  const claim = await store.claim(key)
  if (typeof claim === 'string') throw new Error(`not claimed: ${claim}`)
  return claim
}

describe.each(stores)('a store %s', (_, make) => {
  const setUp = async () => {
    const made = makeContracts()
    const [mine, other] = await make(made)
    return { mine, other, key: { stream: made.stream.name, consumer: 'app_to-bot', seq: 7, storedAt } }
  }

  test('one claim at a time, and none after the message was handled', async () => {
    const { mine, other, key } = await setUp()
    const claim = await claimed(mine, key)
    expect([await mine.claim(key), await other.claim(key)]).toEqual(['running', 'running'])
    await claim.done()
    expect([await mine.claim(key), await other.claim(key)]).toEqual(['done', 'done'])
  })

  test('a claim that was given back is free at once, again and again', async () => {
    const { mine, other, key } = await setUp()
    for (const store of [mine, other, mine]) await (await claimed(store, key)).release()
    await (await claimed(other, key)).done()
    expect(await mine.claim(key)).toBe('done')
  })

  test('of many at once one gets it', async () => {
    const { mine, other, key } = await setUp()
    const claims = await Promise.all(Array.from({ length: 20 }, (__, i) => (i % 2 ? mine : other).claim(key)))
    expect(claims.filter((claim) => claim === 'running')).toHaveLength(19)
  })

  test('another consumer, another sequence, another incarnation of the stream: another message', async () => {
    const { mine, key } = await setUp()
    await (await claimed(mine, key)).done()
    for (const change of [{ consumer: 'app_to-log' }, { seq: 8 }, { storedAt: new Date(storedAt.getTime() + 1) }]) {
      await (await claimed(mine, { ...key, ...change })).release()
    }
  })
})

describe('the store in KV', () => {
  test('the claim of a process that died ends; one whose handler runs does not', async () => {
    const { stream } = makeContracts()
    const dying = await open(broker.current)
    await ensureStreams(dying, [stream], { mode: 'apply' })
    const key = { stream: stream.name, consumer: 'app_to-bot', seq: 1, storedAt }
    const other = await kvStore()
    const store = createKvOnceStore(dying, { leaseMs: 3_000 })
    const alive = await claimed(other, { ...key, seq: 2 })
    await claimed(store, key)
    await dying.close(1_000)
    await waitFor(async () => typeof (await other.claim(key)) !== 'string')
    // The other one's first lease was over before.
    expect(await (await kvStore()).claim({ ...key, seq: 2 })).toBe('running')
    await alive.done()
  })

  test('an app’s user needs its own consumers’ keys and nothing else of the bucket', async () => {
    const { stream } = makeContracts()
    const bucket = onceBucketName(stream.name)
    const own = `$KV.${bucket}.app_to-bot.>`
    const { startTestBroker } = await import('../src/testing.ts')
    const guarded = await startTestBroker({
      configText: `authorization { users = [
        { user: admin, password: a }
        { user: app, password: a, permissions { publish: ["${own}", "$JS.API.DIRECT.GET.KV_${bucket}.${own}"], subscribe: ["_INBOX_app.>"] } }
      ] }`,
    })
    onEnd(() => guarded.stop())
    const admin = await open(guarded, { auth: { user: 'admin', password: 'a' } })
    await ensureStreams(admin, [stream], { mode: 'apply' })
    const store = await kvStore(
      await open(guarded, { auth: { user: 'app', password: 'a' }, inboxPrefix: '_INBOX_app' }),
    )
    const key = { stream: stream.name, consumer: 'app_to-bot', seq: 1, storedAt }
    await (await claimed(store, key)).release()
    await (await claimed(store, key)).done()
    expect(await store.claim(key)).toBe('done')
    const record = await (await manager(admin)).streams.getMessage(`KV_${bucket}`, { seq: 4 })
    // A claim ends by itself, a record does not.
    expect([record?.string(), record?.header.get('Nats-TTL')]).toEqual(['done', ''])
    await expect(store.claim({ ...key, consumer: 'other_to-bot' })).rejects.toMatchObject({ code: 'permission_denied' })
  })

  test('records outlast the stream’s messages, their dead letters and the redrives, also when the stream is changed', async () => {
    const { stream } = makeContracts()
    const connection = await open(broker.current)
    await ensureStreams(connection, [stream], { mode: 'apply' })
    await ensureStreams(connection, [{ ...stream, maxAgeMs: 7_200_000 }], { mode: 'apply' })
    const { config } = await (await manager(connection)).streams.info(`KV_${onceBucketName(stream.name)}`)
    // The letter's four weeks, and those of each of its three redrives.
    expect(config.max_age).toBe((7_200_000 + 4 * 28 * 86_400_000) * 1e6)
    expect(() => createKvOnceStore(connection, { leaseMs: 1 })).toThrow(/leaseMs/)
  })
})

describe('onceOnly', () => {
  /** A handler behind a store, and the message published once. */
  async function setUp(handle: (context: MessageContext) => Promise<void> | void, store?: OnceStore) {
    const made = await openWithStreams(broker.current)
    const { connection, contracts, toBot, stream } = made
    const used = store ?? (await kvStore())
    const start = (): ReturnType<typeof createSubscriber> => {
      const handlers = [
        onceOnly(
          defineHandler(toBot, (__, context) => handle(context), { maxDeliver: 5 }),
          { store: used },
        ),
      ]
      const subscriber = createSubscriber(connection, {
        contracts,
        app: 'app',
        handlers,
        retry: { baseMs: 50, capMs: 50 },
        ackWaitMs: 600,
      })
      onEnd(() => subscriber.stop(1_000))
      subscriber.start()
      return subscriber
    }
    const passedOver = () => connection.logs.lines.filter(({ fields }) => fields['event'] === 'redeliveryPassedOver')
    const publish = () => connection.client.publish(toBot.subject, '{"message":"x"}')
    const jsm = await manager(connection)
    const settled = () =>
      waitFor(async () => {
        const info = await jsm.consumers.info(stream.name, 'app_to-bot')
        return info.num_pending === 0 && info.num_ack_pending === 0 && info.delivered.consumer_seq > 0
      })
    return { ...made, start, publish, passedOver, settled, jsm }
  }

  test('a redelivery after success is acknowledged without the handler', async () => {
    const store = await kvStore()
    let calls = 0
    const { start, publish, passedOver, settled, connection, toBot, stream, jsm } = await setUp(
      () => void calls++,
      store,
    )
    const filter = { durable_name: 'app_to-bot', filter_subject: toBot.subject }
    await jsm.consumers.add(stream.name, { ...filter, ack_policy: AckPolicy.Explicit, ack_wait: 600e6, max_deliver: 5 })
    publish()
    // A process that handles the message, records it, and dies before its ack.
    const message = await new Promise<Msg>((resolve) => {
      connection.client.subscribe('taken', { max: 1, callback: (__, taken) => resolve(taken) })
      connection.client.publish(
        `$JS.API.CONSUMER.MSG.NEXT.${stream.name}.app_to-bot`,
        '{"batch":1,"expires":5000000000}',
        { reply: 'taken' },
      )
    })
    const first = onceOnly(
      defineHandler(toBot, () => void calls++),
      { store },
    )
    const scope = { channel: 'to-bot', logger: connection.logs }
    await first.handle({ message: 'x' } as never, new Envelope(message, scope))
    start()
    await waitFor(() => passedOver().length === 1)
    await settled()
    expect(calls).toBe(1)
    expect(passedOver()[0]?.fields).toMatchObject({ stream: stream.name, seq: 1, deliveries: 2 })
  })

  test('after a failure the handler runs again, until it succeeds', async () => {
    const calls: number[] = []
    const { start, publish, settled, passedOver } = await setUp(({ deliveryCount }) => {
      calls.push(deliveryCount)
      if (deliveryCount < 3) throw new Error('not yet')
    })
    start()
    publish()
    await waitFor(() => calls.length === 3)
    await settled()
    expect([calls, passedOver()]).toEqual([[1, 2, 3], []])
  })

  test('two deliveries at the same time: the second waits for the first and runs nothing', async () => {
    const store = createMemoryOnceStore()
    let calls = 0
    let letGo = (): void => undefined
    const gate = new Promise<void>((resolve) => (letGo = resolve))
    const { toBot, connection } = await setUp(() => undefined, store)
    const handler = onceOnly(
      defineHandler(toBot, async () => {
        calls++
        await gate
      }),
      { store },
    )
    const context = {
      stream: 'S',
      consumer: 'c',
      seq: 1,
      storedAt,
      signal: new AbortController().signal,
      logger: connection.logs,
    } as unknown as MessageContext
    const ended: number[] = []
    const both = [1, 2].map(async (n) => {
      await handler.handle({ message: 'x' } as never, context)
      ended.push(n)
    })
    await waitFor(() => calls === 1)
    letGo()
    await Promise.all(both)
    expect([calls, ended]).toEqual([1, [1, 2]])
  })

  test('a wait ends with the handler’s signal, and a store that is away is waited for', async () => {
    const { KitError } = await import('../src/index.ts')
    let away = 2
    const inner = createMemoryOnceStore()
    const store: OnceStore = {
      ...inner,
      async claim(key) {
        if (away-- > 0) throw new KitError('broker_unavailable', 'away')
        return inner.claim(key)
      },
    }
    const deliveries: number[] = []
    const { start, publish, settled, toBot, connection } = await setUp(
      ({ deliveryCount }) => void deliveries.push(deliveryCount),
      store,
    )
    start()
    publish()
    await settled()
    // None of its deliveries was used up by the wait.
    expect(deliveries).toEqual([1])
    let calls = 0
    const abort = new AbortController()
    const context = {
      stream: 'S',
      consumer: 'c',
      seq: 1,
      storedAt,
      signal: abort.signal,
      logger: connection.logs,
    } as unknown as MessageContext
    await inner.claim(context)
    const waiting = onceOnly(
      defineHandler(toBot, () => void calls++),
      { store },
    ).handle({} as never, context)
    abort.abort(new Error('time is up'))
    await expect(waiting).rejects.toThrow()
    expect(calls).toBe(0)
  })
})
