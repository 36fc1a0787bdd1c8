import { expect, test } from 'vitest'
import { deadLetterStreamName } from '../src/admin.ts'
import { ensureStreams, KitErrorCode } from '../src/index.ts'
import { countMessages, manager, openWithStreams, useBroker } from './harness.ts'

const broker = useBroker()

/** A broker on which the dead letters' stream is asked by a message that it refuses. */
async function setUp() {
  const made = await openWithStreams(broker.current)
  const name = deadLetterStreamName(made.stream.name)
  const subject = `dead-letter.${made.stream.name}.app_to-bot.0.0`
  return {
    ...made,
    name,
    subject,
    streams: (await manager(made.connection)).streams,
    verify: () =>
      ensureStreams(made.connection, [made.stream], { mode: 'verify', only: [name], probes: { [name]: subject } }),
  }
}

test('a stream that is there says so, also when it is full, and stores nothing of it', async () => {
  const { verify, name, subject, streams, connection } = await setUp()
  expect(await verify()).toEqual([{ action: 'none', stream: name }])
  await streams.update(name, { max_msgs: 1 })
  await connection.client.request(subject, 'x')
  expect(await verify()).toEqual([{ action: 'none', stream: name }])
  expect(await countMessages(connection, name)).toBe(1)
})

test('one that is gone is missing, and one of another name in its place is told by its name', async () => {
  const { verify, name, subject, streams } = await setUp()
  await streams.delete(name)
  await expect(verify()).rejects.toMatchObject({
    code: KitErrorCode.StreamMissing,
    message: expect.stringContaining(`stream ${name} is not on the broker`),
  })
  await streams.add({ name: `${name}_OTHER`, subjects: [subject], max_bytes: 1_024 })
  await expect(verify()).rejects.toMatchObject({
    code: KitErrorCode.StreamDifferent,
    message: expect.stringContaining(`is stored in ${name}_OTHER`),
  })
})

test('what answers there and is no stream is no answer', async () => {
  const { verify, name, subject, streams, connection } = await setUp()
  await streams.delete(name)
  const responder = connection.client.subscribe(subject, { callback: (_, message) => void message.respond('{}') })
  await expect(verify()).rejects.toMatchObject({
    code: KitErrorCode.BrokerUnavailable,
    message: expect.stringContaining('is not a stream'),
  })
  responder.unsubscribe()
})
