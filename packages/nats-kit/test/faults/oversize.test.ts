import { expect, test } from 'vitest'
import { createJetStreamPublisher, KitErrorCode } from '../../src/index.ts'
import { onEnd } from '../harness.ts'
import { startKillableBroker } from './support/broker.ts'
import { judge } from './support/judge.ts'
import { drained, setScene, stored, subscribe } from './support/scene.ts'
import { attempt } from './support/writers.ts'

interface Oversize {
  readonly over: string
  readonly bodyBytes: number
  readonly headerBytes: number
  readonly maxPayload: string
  readonly brokerCode: number | undefined
}

test.each<Oversize>([
  { over: 'channel', bodyBytes: 66_000, headerBytes: 0, maxPayload: '256KB', brokerCode: undefined },
  // The channel's limit knows the body alone; with its headers the message is over the stream's.
  { over: 'stream', bodyBytes: 65_000, headerBytes: 3_500, maxPayload: '256KB', brokerCode: 10054 },
  { over: 'broker', bodyBytes: 40_000, headerBytes: 0, maxPayload: '32KB', brokerCode: undefined },
])('a message over the size of the $over: a typed error, and the ones beside it are stored', async (oversize) => {
  const broker = await startKillableBroker({ configText: `max_payload: ${oversize.maxPayload}, jetstream {}` })
  onEnd(() => broker.stop())
  const scene = await setScene({ servers: [broker.url], onEnd, stream: { maxMessageBytes: 66_000 } })
  const { journal, connection, contracts, channel } = scene
  const publisher = createJetStreamPublisher(connection, { contracts })
  onEnd(() => publisher.close())
  const consuming = await scene.open({ name: 'app' })
  await subscribe(scene, consuming, { onEnd })
  const pad = 'x'.repeat(oversize.bodyBytes)
  const headers = { filler: 'x'.repeat(oversize.headerBytes) }
  const [before, big, after] = await Promise.all([
    attempt('before', scene.publish, journal),
    attempt('big', (id) => publisher.publish(channel, { id, pad }, { id, headers }), journal),
    attempt('after', scene.publish, journal),
  ])
  expect([before, after]).toEqual([undefined, undefined])
  expect(big).toMatchObject({ code: KitErrorCode.MessageTooLarge, brokerCode: oversize.brokerCode })
  // A broker closes a connection that sends too much; the client must not let it come to that.
  expect(connection.logs.lines.some((line) => line.fields['state'] === 'disconnected')).toBe(false)
  await drained(scene, consuming)
  expect(await stored(scene, connection)).toBe(2)
  expect(judge(`oversize for the ${oversize.over}`, journal)).toMatchObject({ acked: 2, handled: 2, twice: 0 })
})
