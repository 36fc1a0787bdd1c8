import { readFileSync } from 'node:fs'
import { contracts } from '@alarm-bus/contracts'
import { expect, test } from 'vitest'
import { startTestBus } from '../../src/testing.ts'
import { remind } from './example.ts'

test.each(['schedules.md', 'schedules.ko.md'])('%s shows the example that runs', (page) => {
  const text = readFileSync(new URL(`../../../../docs/${page}`, import.meta.url), 'utf8')
  const [example] = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code)
  expect(example).toBe(readFileSync(new URL('example.ts', import.meta.url), 'utf8'))
})

test('the example does what it says', async () => {
  await using bus = await startTestBus({ contracts })
  expect(await remind(bus, 'order-17')).toBe(true)
})
