import { expect, test } from 'vitest'
import { startTestBroker } from '../../src/testing.ts'
import { onEnd } from '../harness.ts'
import { throughDisturbance } from './disturbed.ts'
import { scheduledContracts } from './scene.ts'

test('a thousand delays and three crons over a killed broker: each once, what was cancelled never', async () => {
  const first = await startTestBroker()
  let server = first
  onEnd(async () => {
    await server.stop()
    await first.stop()
  })
  const late = await throughDisturbance(scheduledContracts({ maxBytes: 512 * 1024 * 1024 }), {
    url: first.url,
    async disturb() {
      await server.kill()
      server = await startTestBroker({ port: first.port, storeDir: first.storeDir })
    },
  })
  if (process.env['SAY_LATENESS']) console.log(`late, ms: p50 ${late[late.length >> 1]}, most ${late.at(-1)}`)
  // None early.
  expect(late[0]).toBeGreaterThanOrEqual(0)
})
