import { contracts } from '@alarm-bus/contracts'
import { expect, test } from 'vitest'
import { runApiKey } from '../src/api-key/run-api-key.ts'
import { runOps, within } from './run-ops.ts'

const channels = contracts.channels.map(({ name }) => name)
const apiKey = (...argv: string[]) => within(runApiKey, argv)
const clientOf = (out: string) => JSON.parse(out.trim().split('\n').at(-1) as string) as Record<string, unknown>

test('without channels no key is made, and the error says what to do', async () => {
  const none = await runOps(['api-key', 'billing'])
  expect(none).toMatchObject({ code: 1, out: '' })
  expect(none.err).toContain(`the key would grant nothing: name channels (${channels.join(', ')}), or --all for every`)
})

test('channels that were named, or with --all every one', async () => {
  const [first = '', second = ''] = channels
  const named = await apiKey('billing', first, second, first)
  expect(named.code).toBe(0)
  expect(named.out).toMatch(/^ {2}abk_billing_[\w-]{43}$/m)
  expect(clientOf(named.out)).toEqual({
    name: 'billing',
    keyHashes: [expect.stringMatching(/^sha256:[0-9a-f]{64}$/)],
    channels: [first, second],
  })
  expect(clientOf((await apiKey('--all', 'billing')).out)).toMatchObject({ channels: '*' })
})

test.each([
  [['billing', 'alarm-to-bott'], 'unknown channel "alarm-to-bott": name channels'],
  [['billing', '*'], 'unknown channel "*"'],
  [['billing', 'alarm-to-bot', '--all'], '--all stands in place of channels, not beside alarm-to-bot'],
  [['Billing', '--all'], '"Billing" is not a valid client name'],
  [['--all'], 'the client name is missing'],
  [['billing', '--everything'], '--everything'],
])('%j is refused', async (argv, said) => {
  const refused = await apiKey(...argv)
  expect(refused).toMatchObject({ code: 1, out: '' })
  expect(refused.err).toContain(said)
})

test('says how it is used', async () => {
  for (const argv of [[], ['--help']])
    expect((await apiKey(...argv)).out).toContain('Usage: pnpm ops api-key [options] [client] [channels...]')
})
