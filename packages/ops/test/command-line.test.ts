import { expect, test } from 'vitest'
import { runOps } from './run-ops.ts'
import { freePort } from './run-script.ts'

const COMMANDS = [
  'api-key',
  'apply',
  'certificates',
  'consumers',
  'dlq',
  'message',
  'nkey',
  'permissions',
  'plan',
  'publish',
  'secrets',
  'status',
  'tail',
]
const WIDTH = 80

test.each(['', ...COMMANDS])('ops %s -h is its help, within 80 columns', async (command) => {
  const args = command === '' ? [] : [command]
  const { code, out, err } = await runOps([...args, '-h'])
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out).toContain(`pnpm ops ${command === '' ? '<command>' : command}`)
  expect(out.split('\n').filter(({ length }) => length > WIDTH)).toEqual([])
  expect((await runOps([...args, '--help'])).out).toBe(out)
})

test.each([
  ['plan', '--out', 'a', '--out', 'b'],
  ['apply', '--yes', '--settle-ms', '1', '--settle-ms', '2'],
  ['consumers', 'prune', '--idle', '1d', '--idle', '2d'],
  ['dlq', 'list', '--limit', '1', '--limit=2'],
  ['certificates', '--out', 'a', '--out', 'b'],
  ['permissions', '--app', 'a', '--app', 'b'],
  ['status', '--wait-ms', '1', '--wait-ms', '2'],
])('%s: a flag that is given twice is refused', async (...args) => {
  const { code, out, err } = await runOps(args)
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err).toMatch(/ --\S+ is given twice; give it once\n$/)
})

test.each([['plan'], ['apply', '--yes'], ['status'], ['dlq', 'list'], ['consumers', 'prune']])(
  '%s: says that it waits for the broker, once',
  async (...args) => {
    const NATS_SERVERS = `nats://127.0.0.1:${await freePort()}`
    const { code, err } = await runOps([...args, '--wait-ms', '1500'], { NATS_SERVERS })
    expect(code).toBe(1)
    expect(err.match(/waiting for the broker: .*ECONNREFUSED/g)).toHaveLength(1)
  },
)

test.each([
  [['satus'], "ops: unknown command 'satus' (Did you mean status?); expected one of: status, tail, "],
  [['plan', '--jsn'], "ops plan: unknown option '--jsn' (Did you mean --json?)"],
  [['consumers', 'prnue'], "ops consumers: unknown command 'prnue' (Did you mean prune?)"],
])('%j: the error names the nearest', async (args, said) => {
  const { code, out, err } = await runOps(args)
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err).toContain(said)
})
