import { expect, test } from 'vitest'
import { productionBecause } from '../src/production.ts'

test('development and test, letter by letter, are not production', () => {
  for (const mode of ['development', 'test']) expect(productionBecause(mode)).toBeUndefined()
})

test('anything else is, and nothing at all', () => {
  expect(productionBecause('production')).toBe('with NODE_ENV=production')
  const rule = '(anything but development and test is production)'
  expect(productionBecause(undefined)).toBe(`without NODE_ENV ${rule}`)
  for (const mode of ['prod', 'Production', 'staging', 'Development', 'DEVELOPMENT', 'dev', ' test', 'test ', '', ' '])
    expect(productionBecause(mode)).toBe(`with NODE_ENV=${JSON.stringify(mode)} ${rule}`)
  // What is given there by mistake may be long.
  expect(productionBecause('x'.repeat(1_000))?.length).toBeLessThan(120)
})
