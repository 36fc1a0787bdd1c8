import { expect, test } from 'vitest'
import { createJetStreamPublisher, KitErrorCode } from '../src/index.ts'
import { waitFor } from '../src/testing.ts'
import { makeContracts, manager, onEnd, open, startBroker } from './harness.ts'

const BODY = 'x'.repeat(50_000)

test('an account that has stored all it may is transient: retried, and stored when there is room', async () => {
  const broker = await startBroker({
    configText:
      'accounts { A { users: [{ user: a, password: p }], jetstream: { max_file: 1500KB } } }\njetstream { max_file: 1TB }',
  })
  const { contracts, toLog, stream } = makeContracts()
  const connection = await open(broker, { auth: { user: 'a', password: 'p' } })
  const streams = (await manager(connection)).streams
  // Without a limit of its own: the account's is the one that is reached.
  await streams.add({ name: stream.name, subjects: [toLog.subject] })
  const publisher = createJetStreamPublisher(connection, { contracts, budgetMs: 20_000 })
  onEnd(() => publisher.close())
  const publish = (timeoutMs?: number) =>
    publisher.publish(toLog, { message: BODY }, timeoutMs === undefined ? {} : { timeoutMs })
  const fill = async (): Promise<unknown> => {
    for (;;) {
      const error = await publish(500).then(
        () => undefined,
        (reason: unknown) => reason,
      )
      if (error !== undefined) return error
    }
  }
  expect(await fill()).toMatchObject({
    code: KitErrorCode.BrokerUnavailable,
    message: expect.stringContaining('resource limits exceeded for account'),
  })
  const waiting = publish()
  const before = connection.client.stats().outMsgs
  await waitFor(() => connection.client.stats().outMsgs > before + 1, { what: 'another attempt' })
  await streams.purge(stream.name)
  expect(await waiting).toMatchObject({ duplicate: false })
})
