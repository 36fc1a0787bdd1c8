import { expect, test } from 'vitest'
import { type KitEventMap } from '../src/index.ts'
import { waitFor } from '../src/testing.ts'
import { useBroker } from './harness.ts'
import { setUpRedrive } from './redrive-harness.ts'

const broker = useBroker()

test('handlers that hang lose their messages and their share of the bound; what they come to later changes nothing', async () => {
  const made = await setUpRedrive(broker.current)
  const ends: (() => void)[] = []
  const handled: string[] = []
  const told: boolean[] = []
  const app = await made.app(
    'bot',
    async ({ message }, { signal }) => {
      if (message.startsWith('hangs')) {
        await new Promise<void>((resolve) => ends.push(resolve))
        told.push(signal.aborted)
      } else handled.push(message)
    },
    { concurrency: 3, maxDeliver: 2, ackWaitMs: 300, maxHandlerMs: 300, handlerGraceMs: 100 },
  )
  for (let i = 0; i < 6; i++) await made.publisher.publish(made.toBot, { message: `hangs ${i}` })
  await made.publisher.publish(made.toBot, { message: 'behind' })
  await made.waitForLetters(6)
  await waitFor(() => handled.length === 1)
  expect((await made.list()).map(({ reason, deliveries }) => [reason, deliveries])).toEqual(
    Array.from({ length: 6 }, () => ['never_settled', 2]),
  )
  const info = () => made.jsm.consumers.info(made.stream.name, 'bot_to-bot')
  await waitFor(async () => (await info()).num_ack_pending === 0)
  const kept: KitEventMap['deadLetterStored'][] = []
  made.connection.events.on('deadLetterStored', (detail) => kept.push(detail))
  for (const end of ends) end()
  const late = () => made.connection.logs.lines.filter(({ fields }) => fields['event'] === 'handlerEndedLate')
  await waitFor(() => late().length === 12)
  expect(told).toEqual(Array.from({ length: 12 }, () => true))
  await made.publisher.publish(made.toBot, { message: 'after' })
  await waitFor(() => handled.length === 2)
  expect([kept, app.checks().filter(({ ok }) => !ok)]).toEqual([[], []])
})
