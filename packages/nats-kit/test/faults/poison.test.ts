import { headers } from '@nats-io/transport-node'
import { expect, test } from 'vitest'
import { onEnd, useBroker } from '../harness.ts'
import { judge } from './support/judge.ts'
import { deadLetters, drained, type Scene, setScene, subscribe } from './support/scene.ts'
import { attempt } from './support/writers.ts'

const broker = useBroker()

/** What a producer without the kit may send. */
const POISON: Readonly<Record<string, Uint8Array | string>> = {
  empty: '',
  'not-json': '{"id": ',
  'not-utf8': Uint8Array.from([0x22, 0xff, 0xfe, 0x22]),
  'wrong-schema': '{"id": 7}',
  'no-object': '[]',
  null: 'null',
  'deep-nesting': '['.repeat(20_000),
}

/** Publishes bytes as they are, under an id, and takes the broker's ack. */
async function publishRaw({ connection, channel }: Scene, id: string, body: Uint8Array | string): Promise<void> {
  const head = headers()
  head.set('Nats-Msg-Id', id)
  const ack = await connection.client.request(channel.subject, body, { headers: head, timeout: 5_000 })
  expect(ack.json()).toMatchObject({ seq: expect.any(Number) })
}

test.each(['pull', 'push'] as const)(
  'poison between good messages (%s): each a dead letter at its first delivery, and the next one is handled',
  async (mode) => {
    const scene = await setScene({ servers: [broker.current.url], onEnd })
    const { journal, connection } = scene
    const consuming = await scene.open({ name: 'app' })
    // One at a time: a poison message that holds its place would stop everything.
    await subscribe(scene, consuming, { onEnd, mode, concurrency: 1 })
    for (const [id, body] of Object.entries(POISON)) {
      expect(await attempt(id, () => publishRaw(scene, id, body), journal)).toBeUndefined()
      expect(await attempt(`after-${id}`, scene.publish, journal)).toBeUndefined()
    }
    await drained(scene, consuming)
    const letters = await deadLetters(scene, connection)
    expect(letters).toEqual(Object.keys(POISON).map((id) => ({ id, reason: 'invalid_message', deliveries: 1 })))
    const { handled, twice } = judge(`poison, ${mode}`, journal, { kept: letters.map(({ id }) => id) })
    expect([handled, twice]).toEqual([Object.keys(POISON).length, 0])
  },
)
