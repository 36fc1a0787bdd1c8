import { expect, test } from 'vitest'
import { durationMs, newCommand, oneOf, readCommandLine, repeatable, UsageError, wholeNumber } from '../src/index.ts'

function read(...argv: string[]) {
  const command = newCommand('bus tail', 'Shows messages.', 'Changes nothing.')
    .argument('[channel]')
    .option('--json')
    .option('--wait-ms <n>', 'how long', wholeNumber(1, 60_000), 1_000)
    .option('--since <age>', 'how old', durationMs)
    .option('--mode <mode>', 'how', oneOf('pull', 'push'))
    .option('--also <name>', 'more', repeatable)
  const help = readCommandLine(command, argv)
  return help ?? { channel: command.processedArgs[0], ...command.opts() }
}

test('flags, arguments and defaults', () => {
  expect(read('orders', '--since', '90s', '--mode=push', '--also', 'a', '--also', 'b', '--json')).toEqual({
    channel: 'orders',
    json: true,
    waitMs: 1_000,
    since: 90_000,
    mode: 'push',
    also: ['a', 'b'],
  })
})

test('help is given back and nothing is written', () => {
  expect(read('--help')).toMatch(/^Usage: bus tail \[options\] \[channel\]\n[^]*Changes nothing\.$/)
  expect(read('-h', 'a')).toBe(read('--help'))
})

test.each([
  [['--jsn'], "unknown option '--jsn' (Did you mean --json?)"],
  [['--wait-ms'], "option '--wait-ms <n>' argument missing"],
  [['--wait-ms', '0'], 'It must be a whole number from 1 to 60000.'],
  [['--wait-ms', '1e3'], 'It must be a whole number from 1 to 60000.'],
  [['--since', '5 minutes'], 'It must be a duration such as 90s'],
  [['--mode', 'pll'], 'Expected one of: pull, push.'],
  [['--mode', 'pull', '--mode', 'push'], '--mode is given twice; give it once'],
  [['a', 'b'], 'too many arguments'],
])('%j is a usage error', (argv, message) => {
  expect(() => read(...argv)).toThrow(UsageError)
  expect(() => read(...argv)).toThrow(message)
})
