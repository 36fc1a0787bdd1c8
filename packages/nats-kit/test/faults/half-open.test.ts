import { expect, test } from 'vitest'
import { waitFor } from '../../src/testing.ts'
import { onEnd } from '../harness.ts'
import { startKillableBroker } from './support/broker.ts'
import { judge } from './support/judge.ts'
import { type Direction, startProxy } from './support/proxy.ts'
import { ackedMore } from './support/scenarios.ts'
import { drained, setScene, stored, subscribe } from './support/scene.ts'
import { startWriters } from './support/writers.ts'

async function setUp() {
  const broker = await startKillableBroker()
  onEnd(() => broker.stop())
  const proxy = await startProxy({ host: '127.0.0.1', port: broker.port })
  onEnd(() => proxy.close())
  const scene = await setScene({
    servers: [proxy.url],
    onEnd,
    connection: { pingIntervalMs: 150, maxPingsOut: 1, connectTimeoutMs: 300 },
  })
  const consuming = await scene.open({ name: 'app' })
  await subscribe(scene, consuming, { onEnd, ackWaitMs: 700 })
  const writers = startWriters({ name: 'w', writers: 8, journal: scene.journal, publish: scene.publish })
  onEnd(() => writers.stop())
  await ackedMore(scene, 50, 'publishing before the fault')
  return { ...scene, scene, proxy, consuming, writers }
}

async function settle(name: string, { scene, consuming, writers }: Awaited<ReturnType<typeof setUp>>): Promise<void> {
  await ackedMore(scene, 50, 'publishing after the fault')
  await writers.stop()
  await drained(scene, consuming)
  const { acked, attempted } = judge(name, scene.journal)
  expect(acked).toBe(attempted)
  expect(await stored(scene, scene.connection)).toBe(acked)
}

test.each<Direction>(['to-broker', 'to-client', 'both'])(
  'a connection that swallows bytes %s is given up for its missing pongs, and nothing is lost',
  async (direction) => {
    const context = await setUp()
    const { proxy, connection, consuming } = context
    proxy.swallow(direction)
    for (const each of [connection, consuming]) {
      await waitFor(() => each.logs.lines.some((line) => line.fields['event'] === 'staleConnection'), {
        what: 'the half-open connection to be noticed',
      })
    }
    // A new connection through the same hole gets no further, and goes on trying.
    const { accepted } = proxy
    await waitFor(() => proxy.accepted >= accepted + 2, { what: 'new dials' })
    expect([connection.state, consuming.state]).toEqual(['disconnected', 'disconnected'])
    proxy.heal()
    await settle(`half-open, ${direction}`, context)
  },
)

test('connections that are reset again and again: nothing is lost', async () => {
  const context = await setUp()
  for (let round = 1; round <= 3; round++) {
    context.proxy.cut()
    await waitFor(() => context.connection.state === 'disconnected' && context.consuming.state === 'disconnected')
    context.proxy.heal()
    await ackedMore(context.scene, 30, `publishing after cut ${round}`)
  }
  await settle('connections reset', context)
})
