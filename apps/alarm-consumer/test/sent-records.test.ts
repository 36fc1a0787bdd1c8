import { alarmToBot, contracts } from '@alarm-bus/contracts'
import { connect, type Connection, ensureStreams, kvOnceStore, type OnceClaim } from '@alarm-bus/nats-kit'
import { collectLogs, type NatsServer, startTestBroker, waitFor } from '@alarm-bus/nats-kit/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createSentRecords } from '../src/delivery/sent-records.ts'

const { name: stream } = contracts.streamOf(alarmToBot)
const key = { stream, consumer: 'alarm-consumer_alarm-to-bot.slack', seq: 7, storedAt: new Date(1_700_000_000_000) }

let broker: NatsServer
let connection: Connection
beforeEach(async () => {
  broker = await startTestBroker()
  connection = await connect({ servers: [broker.url], name: 'test' }, { logger: collectLogs() })
  await ensureStreams(connection, contracts.streams, { mode: 'apply' })
})
afterEach(async () => {
  await connection.close(1_000)
  await broker.stop()
})

/** The records of one process. */
function open(options: { budgetMs: number; maxWaitMs: number }) {
  const logger = collectLogs()
  const records = createSentRecords({
    shared: kvOnceStore({ leaseMs: 3_000, budgetMs: options.budgetMs }),
    logger: logger as never,
    maxWaitMs: options.maxWaitMs,
  })
  records.open(connection)
  const said = () => logger.lines.map(({ level, fields }) => [level, fields['event'], fields['seq']])
  return { records, said, [Symbol.asyncDispose]: () => records.close() }
}

function claimed(claim: OnceClaim | 'running' | 'done'): OnceClaim {
  if (typeof claim === 'string') throw new Error(`not claimed: ${claim}`)
  return claim
}

const PATIENT = { budgetMs: 15_000, maxWaitMs: 15_000 }
const UNKNOWN = [['error', 'sentBeforeUnknown', 7]]

test('what one process sent another does not; what failed it may', async () => {
  await using one = open(PATIENT)
  await using other = open(PATIENT)
  const first = claimed(await one.records.claim(key))
  expect([await one.records.claim(key), await other.records.claim(key)]).toEqual(['running', 'running'])
  await first.release()
  await claimed(await other.records.claim(key)).done()
  expect([await one.records.claim(key), await other.records.claim(key)]).toEqual(['done', 'done'])
  expect([...one.said(), ...other.said()]).toEqual([])
})

test('a broker that is slow holds no alarm up; when it goes on the alarm is recorded', async () => {
  await using one = open({ budgetMs: 15_000, maxWaitMs: 300 })
  await using other = open(PATIENT)
  await broker.pause()
  const claim = claimed(await one.records.claim(key))
  expect(one.said()).toEqual(UNKNOWN)
  broker.resume()
  await waitFor(async () => (await claim.done(), true), { what: 'it is recorded' })
  expect(await other.records.claim(key)).toBe('done')
})

test('a broker that was away and is back: what was sent meanwhile is recorded', async () => {
  await using one = open({ budgetMs: 300, maxWaitMs: 15_000 })
  await using other = open(PATIENT)
  await broker.kill()
  const claim = claimed(await one.records.claim(key))
  broker = await startTestBroker({ port: broker.port, storeDir: broker.storeDir })
  await waitFor(async () => (await other.records.claim({ ...key, seq: 8 })) !== 'running', { what: 'the bucket' })
  await waitFor(() => connection.state === 'connected')
  await waitFor(async () => (await claim.done(), true), { what: 'it is recorded' })
  expect(await other.records.claim(key)).toBe('done')
  expect(one.said()).toEqual(UNKNOWN)
})

test('a broker that stays away: this process knows what it sent, and what could not be recorded is an error', async () => {
  await using one = open({ budgetMs: 300, maxWaitMs: 15_000 })
  await broker.kill()
  await expect(claimed(await one.records.claim(key)).done()).rejects.toMatchObject({ code: 'broker_unavailable' })
  expect(one.said()).toEqual(UNKNOWN)
  expect(await one.records.claim(key)).toBe('done')
})

test('a bucket that is full refuses a record, and no alarm', async () => {
  await using one = open({ budgetMs: 300, maxWaitMs: 15_000 })
  await claimed(await one.records.claim(key)).done()
  const bucket = `KV_${stream}_ONCE`
  const info = await connection.client.request(`$JS.API.STREAM.INFO.${bucket}`)
  const { config } = info.json<{ config: Record<string, unknown> }>()
  const full = JSON.stringify({ ...config, max_msgs: 1 })
  expect((await connection.client.request(`$JS.API.STREAM.UPDATE.${bucket}`, full)).json()).toHaveProperty('config')
  const next = claimed(await one.records.claim({ ...key, seq: 8 }))
  await expect(next.done()).rejects.toMatchObject({ message: expect.stringContaining('maximum messages exceeded') })
  expect(one.said()).toEqual([['error', 'sentBeforeUnknown', 8]])
})
