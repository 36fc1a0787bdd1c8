import { alarmToLog, basquiatStream } from '@alarm-bus/contracts'
import { connect } from '@alarm-bus/nats-kit'
import { redriveDeadLetters } from '@alarm-bus/nats-kit/admin'
import { collectLogs, startTestBroker, waitFor } from '@alarm-bus/nats-kit/testing'
import { expect, test } from 'vitest'
import { startConsumer, startPublishing } from './stack.ts'
import { makeSqlite } from './support/databases.ts'

test('what the database refused is a dead letter; redriven it is stored as the original that it was', async () => {
  await using database = makeSqlite()
  await using broker = await startTestBroker()
  await using app = startConsumer(broker.url, { ...database.environment, MAX_DELIVER: '1', ACK_WAIT_MS: '1000' })
  await app.line('ready')
  await database.execute(
    `create trigger refuse before insert on logs when new.message = 'poison' begin select raise(abort, 'refused'); end`,
  )
  const publishing = await startPublishing(broker.url)
  await publishing.publisher.publish(alarmToLog, { message: 'before' })
  const poison = await publishing.publisher.publish(alarmToLog, { message: 'poison' })
  const publishedAt = Date.now()
  await app.line('deadLetterStored')
  await database.execute('drop trigger refuse')

  const connection = await connect({ name: 'test', servers: [broker.url] }, { logger: collectLogs() })
  const redrive = () => redriveDeadLetters(connection, basquiatStream.name, {}, { dryRun: false })
  expect(await redrive()).toMatchObject({ redriven: 1 })
  const rows = () => database.query<{ seq: number; stream: string }>('select stream, seq from logs order by seq')
  await waitFor(async () => (await rows()).length === 2, { what: 'it is stored' })
  expect((await rows())[1]).toEqual({ stream: poison.stream, seq: poison.seq })
  const [first, second] = await database.query<{ at: number }>('select stored_at_ms as at from logs order by seq')
  // The time of the original, and not of the copy, so that it is the same key.
  expect(second?.at).toBeGreaterThanOrEqual(first?.at ?? Number.POSITIVE_INFINITY)
  expect(second?.at).toBeLessThanOrEqual(publishedAt)
  await connection.close(1_000)
  await publishing.stop(5_000)
})
