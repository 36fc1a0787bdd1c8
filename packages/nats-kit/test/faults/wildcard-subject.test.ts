import { ContractError, defineChannel } from '@alarm-bus/contracts'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { onEnd, useBroker } from '../harness.ts'
import { judge } from './support/judge.ts'
import { drained, setScene, stored, subscribe } from './support/scene.ts'
import { attempt } from './support/writers.ts'

const broker = useBroker()

test('the server would store a publish on a wildcard, so no contract can hold one', async () => {
  for (const subject of ['alarm.*', 'alarm.>', 'al arm', 'alarm..to', '.alarm', '$SYS.alarm', '']) {
    const define = () => defineChannel({ name: 'wild', subject, description: 'wild', schema: z.object({}) })
    expect(define, subject).toThrow(ContractError)
  }
  const scene = await setScene({ servers: [broker.current.url], onEnd })
  const consuming = await scene.open({ name: 'app' })
  await subscribe(scene, consuming, { onEnd })
  expect(await attempt('m', scene.publish, scene.journal)).toBeUndefined()
  await drained(scene, consuming)
  expect(await stored(scene, scene.connection)).toBe(1)
  judge('wildcard in a subject', scene.journal)
})
