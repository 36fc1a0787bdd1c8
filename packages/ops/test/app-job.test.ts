import { alarmToBot, alarmToLog, type Channel, contracts } from '@alarm-bus/contracts'
import { createJetStreamPublisher, defineHandler, startBus } from '@alarm-bus/nats-kit'
import { collectLogs, waitFor } from '@alarm-bus/nats-kit/testing'
import { jetstreamManager } from '@nats-io/jetstream'
import { describe, expect, test } from 'vitest'
import { applyStreams } from '../src/index.ts'
import { authOf, startBroker } from './harness.ts'

const APPS = [
  { app: 'alarm-consumer', channels: [alarmToBot] },
  { app: 'log-consumer', channels: [alarmToBot, alarmToLog] },
] as const
const WAYS = (['pull', 'push'] as const).flatMap((mode) =>
  (['queue-group', 'fan-out'] as const).flatMap((delivery) => [
    { mode, delivery, acks: 'v1' as const },
    { mode, delivery, acks: 'v2' as const },
  ]),
)
const CASES = APPS.flatMap(({ app, channels }) => WAYS.map((way) => ({ app, channels, ...way })))

describe('a consumer’s user does its whole job', () => {
  test.each(CASES)('$app, $mode, $delivery, acks $acks', async ({ app, channels, mode, delivery, acks }) => {
    await using broker = await startBroker(acks === 'v2' ? 'feature_flags { js_ack_fc_v2: true }' : undefined)
    const servers = [broker.server.url]
    await applyStreams({ servers, auth: authOf('admin'), streams: contracts.streams })

    const handled: string[] = []
    const shapes = new Set<number>()
    const logger = collectLogs()
    // A second process of the app, for what the kit would not do.
    const beside = await broker.raw(app)
    const bus = startBus({
      contracts,
      logger,
      connection: { servers, name: app, auth: authOf(app) },
      streams: { mode: 'verify' },
      subscriber: {
        mode,
        delivery,
        instanceId: '0',
        retry: { baseMs: 10, capMs: 20 },
        handlers: channels.map((channel: Channel) =>
          defineHandler(channel, (message, context) => {
            const { message: text } = message as { message: string }
            const { reply } = context as unknown as { readonly reply: string }
            shapes.add(reply.split('.').length)
            if (text === 'elsewhere') beside.publish(reply, '+TERM by hand')
            if (text === 'twice' && context.deliveryCount === 1) throw new Error('not yet')
            handled.push(`${channel.name} ${text} ${context.deliveryCount}`)
          }),
        ),
      },
    })
    const letters: string[] = []
    bus.events.on('deadLetterStored', ({ channel, reason }) => letters.push(`${channel} ${reason}`))
    try {
      await waitFor(() => bus.health().ready, { what: `${app} to be ready` })

      const producer = await broker.kit('producer')
      const publisher = createJetStreamPublisher(producer, { contracts })
      for (const channel of channels) {
        for (const message of ['once', 'twice', 'elsewhere']) await publisher.publish(channel, { message })
        producer.client.publish(channel.subject, 'not JSON')
      }
      const expected = channels
        .flatMap(({ name }) => [`${name} once 1`, `${name} twice 2`, `${name} elsewhere 1`])
        .sort()
      await waitFor(() => handled.length >= expected.length, { what: 'every alarm to be handled' })
      expect(handled.toSorted()).toEqual(expected)
      expect([...shapes]).toEqual([acks === 'v2' ? 11 : 9])

      // The broker's own word that everything is settled.
      const manager = await jetstreamManager((await broker.kit('admin')).client, { checkAPI: false })
      for (const { name } of channels) {
        const durable = `${app}_${name}${delivery === 'fan-out' ? '_0' : ''}`
        await waitFor(
          async () => {
            const { ack_floor, num_ack_pending, num_pending } = await manager.consumers.info('BASQUIAT_STREAM', durable)
            // Four messages, one of them twice.
            return num_ack_pending === 0 && num_pending === 0 && ack_floor.consumer_seq === 5
          },
          { what: `${durable} to have settled everything` },
        )
      }
      // The collector's part: it reads the advisories, gets the message that was ended elsewhere, and keeps it as well.
      const all = channels.flatMap(({ name }) => [`${name} invalid_message`, `${name} terminated_elsewhere`])
      await waitFor(() => letters.length >= all.length, { what: 'every dead letter to be stored' })
      expect(letters.toSorted()).toEqual(all.sort())
      expect((await manager.streams.info('BASQUIAT_STREAM_DLQ')).state.messages).toBe(all.length)
      await waitFor(async () => (await manager.streams.info('BASQUIAT_STREAM_ADVISORIES')).state.messages === 0, {
        what: 'every advisory to be dealt with',
      })
    } finally {
      expect(await bus.stop(5_000)).toMatchObject({ clean: true })
    }
    expect(logger.lines.filter(({ fields }) => (fields as { event?: string }).event === 'errorOccurred')).toEqual([])
  })
})
