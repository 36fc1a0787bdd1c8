import { expect, test } from 'vitest'
import { onEnd } from '../harness.ts'
import { startKillableBroker } from './support/broker.ts'
import { judge } from './support/judge.ts'
import { killBrokerAndConsumers } from './support/scenarios.ts'
import { stored } from './support/scene.ts'

test.each(['pull', 'push'] as const)(
  'the broker is killed three times mid-publish, the consumer in between (%s): nothing acknowledged is lost',
  { timeout: 120_000 },
  async (mode) => {
    const broker = await startKillableBroker()
    onEnd(() => broker.stop())
    const scene = await killBrokerAndConsumers(broker, { onEnd, rounds: 3, random: Math.random, mode })
    const { acked, attempted } = judge(`broker and consumer killed, ${mode}`, scene.journal)
    expect(acked).toBe(attempted)
    // The retries of the publishes that a kill cut off were stored once.
    expect(await stored(scene, scene.connection)).toBe(acked)
  },
)
