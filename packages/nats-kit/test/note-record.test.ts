import { AckPolicy } from '@nats-io/jetstream'
import { expect, test } from 'vitest'
import { changeNotes, noted } from '../src/consumers/note-record.ts'
import { ensureStreams } from '../src/index.ts'
import { makeContracts, manager, open, useBroker } from './harness.ts'

const broker = useBroker()

async function setUp() {
  const { stream, toBot } = makeContracts()
  const connection = await open(broker.current)
  await ensureStreams(connection, [stream], { mode: 'apply' })
  const jsm = await manager(connection)
  const add = (metadata: Record<string, string> = {}) =>
    jsm.consumers.add(stream.name, {
      durable_name: 'app_to-bot',
      ack_policy: AckPolicy.Explicit,
      filter_subject: toBot.subject,
      metadata,
    })
  return { stream, connection, jsm, add }
}

test('what instances note at the same time is all kept, and each reads what the others noted', async () => {
  const { connection, add } = await setUp()
  const info = await add()
  const instances = [connection, await open(broker.current), await open(broker.current)]
  const count = (text: string | undefined) => String(Number(text ?? 0) + 1)
  await Promise.all(
    instances.flatMap((one, i) => [
      changeNotes(one, info, ({ all }) => ({ all: count(all), [`of-${i}`]: 'x' })),
      changeNotes(one, info, ({ all }) => ({ all: count(all) })),
    ]),
  )
  for (const one of instances) {
    const { notes } = await noted(one, info)
    expect(notes).toMatchObject({ all: '6', 'of-0': 'x', 'of-1': 'x', 'of-2': 'x' })
  }
})

test('notes are of the consumer that they were made of, and none of one that was made again under its name', async () => {
  const { connection, stream, jsm, add } = await setUp()
  const first = await add()
  await changeNotes(connection, first, () => ({ position: '1' }))
  await jsm.consumers.delete(stream.name, first.name)
  const second = await add()
  expect((await noted(connection, second)).notes).not.toHaveProperty('position')
  await changeNotes(connection, second, () => ({ other: '2' }))
  expect((await noted(connection, second)).notes).not.toHaveProperty('position')
})

test('what a kit before 1.0 noted in the consumer’s metadata is read, replaced and removed, and the consumer is left as it is', async () => {
  const { connection, stream, jsm, add } = await setUp()
  const info = await add({ position: 'old', trials: '[]', team: 'alarms' })
  expect((await noted(connection, info)).notes).toMatchObject({ position: 'old', trials: '[]' })
  const changed = await changeNotes(connection, info, () => ({ position: 'new', trials: undefined }))
  expect(changed.notes).toMatchObject({ position: 'new' })
  expect(changed.notes).not.toHaveProperty('trials')
  expect((await noted(connection, info)).notes).toEqual(changed.notes)
  const { config } = await jsm.consumers.info(stream.name, info.name)
  expect(config.metadata).toMatchObject({ position: 'old', trials: '[]', team: 'alarms' })
})

test('a record that something else wrote is none, and is replaced', async () => {
  const { connection, stream, add } = await setUp()
  const info = await add()
  await connection.client.request(`$KV.${stream.name}_ONCE.app_to-bot.notes`, 'what')
  expect((await noted(connection, info)).notes).not.toHaveProperty('position')
  await changeNotes(connection, info, () => ({ position: '1' }))
  expect((await noted(connection, info)).notes).toMatchObject({ position: '1' })
})
