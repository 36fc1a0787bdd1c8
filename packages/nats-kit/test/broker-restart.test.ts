import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createJetStreamPublisher, createSubscriber, defineHandler } from '../src/index.ts'
import { startTestBroker, waitFor } from '../src/testing.ts'
import { manager, onEnd, openWithStreams } from './harness.ts'

test.each(['pull', 'push'] as const)(
  'the broker is killed three times while publishing and consuming (%s): every acked message is handled, nothing else is',
  async (mode) => {
    const journal = mkdtempSync(join(tmpdir(), 'kit-journal-'))
    onEnd(async () => rmSync(journal, { recursive: true }))
    const file = (name: string) => join(journal, name)
    for (const name of ['attempted', 'acked', 'handled']) writeFileSync(file(name), '')
    const read = (name: string) => readFileSync(file(name), 'utf8').split('\n').filter(Boolean)

    const first = await startTestBroker()
    let server = first
    onEnd(async () => {
      await server.stop()
      await first.stop()
    })
    const { connection, contracts, toBot, stream } = await openWithStreams(first)
    const subscriber = createSubscriber(connection, {
      contracts,
      app: 'app',
      mode,
      ackWaitMs: 2_000,
      maxDeliver: 20,
      retry: { baseMs: 200, capMs: 1_000 },
      handlers: [defineHandler(toBot, async ({ message }) => appendFileSync(file('handled'), `${message}\n`))],
    })
    subscriber.start()
    onEnd(() => subscriber.stop(5_000))
    const publisher = createJetStreamPublisher(connection, { contracts, attemptTimeoutMs: 1_000 })
    onEnd(() => publisher.close())

    let publishing = true
    const failures: unknown[] = []
    const publishers = Array.from({ length: 4 }, async (_, writer) => {
      for (let i = 0; publishing; i++) {
        const id = `${writer}-${i}`
        appendFileSync(file('attempted'), `${id}\n`)
        await publisher.publish(toBot, { message: id }, { id }).then(
          () => appendFileSync(file('acked'), `${id}\n`),
          (error: unknown) => failures.push(error),
        )
      }
    })
    for (let round = 1; round <= 3; round++) {
      const acked = read('acked').length
      await waitFor(() => read('acked').length >= acked + 100, {
        what: `publishing in round ${round}`,
        deadlineMs: 15_000,
      })
      await server.kill()
      await waitFor(() => connection.state === 'disconnected')
      server = await startTestBroker({ port: first.port, storeDir: first.storeDir })
    }
    const acked = read('acked').length
    await waitFor(() => read('acked').length >= acked + 100, {
      what: 'publishing after the last restart',
      deadlineMs: 15_000,
    })
    publishing = false
    await Promise.all(publishers)
    const jsm = await manager(connection)
    await waitFor(
      async () => {
        const info = await jsm.consumers.info(stream.name, 'app_to-bot')
        return info.num_pending === 0 && info.num_ack_pending === 0
      },
      { deadlineMs: 20_000, what: 'the consumer to catch up' },
    )
    const handled = new Set(read('handled'))
    const attempted = new Set(read('attempted'))
    const lost = read('acked').filter((id) => !handled.has(id))
    const unexpected = [...handled].filter((id) => !attempted.has(id))
    expect({ lost, unexpected, failures }).toEqual({ lost: [], unexpected: [], failures: [] })
    expect((await jsm.streams.info(stream.name)).state.messages).toBe(attempted.size)
  },
  90_000,
)
