import { alarmToBot, contracts } from '@alarm-bus/contracts'
import { startTestBus, waitFor } from '@alarm-bus/nats-kit/testing'
import { test, vi } from 'vitest'
import { alarmHandler, type PostToBot } from './alarm-handler.ts'

test('an alarm that is published reaches the bot', async () => {
  const post = vi.fn<PostToBot>(async () => 200)
  await using bus = await startTestBus({ contracts, subscriber: { handlers: [alarmHandler(post)] } })
  await bus.publisher.publish(alarmToBot, { message: 'disk is full' })
  await waitFor(() => post.mock.calls.some(([text]) => text === 'disk is full'))
})
