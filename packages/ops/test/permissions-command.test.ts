import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runPermissions } from '../src/permissions/run-permissions.ts'
import { repository } from './harness.ts'
import { runOps, within } from './run-ops.ts'

const committed = readFileSync(`${repository}nats.permissions.conf`, 'utf8')

const permissions = (argv: readonly string[]) => within(runPermissions, argv)

let folder: string
let out: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'alarm-bus-permissions-'))
  out = join(folder, 'users.conf')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('the file of the repository is what the apps declare, and a second writing changes nothing', async () => {
  expect(await runOps(['permissions', '--check'])).toEqual({
    code: 0,
    out: 'nats.permissions.conf is what the apps declare\n',
    err: '',
  })
  expect(await permissions(['--out', out])).toMatchObject({ code: 0, err: '' })
  expect(readFileSync(out, 'utf8')).toBe(committed)
  expect((await permissions(['--out', out])).out).toContain('is what the apps declare')
})

test('--check shows the lines that differ, fails, and writes nothing', async () => {
  const lines = committed.split('\n')
  const lost = lines.findIndex((line) => line.includes('"core.alarm.to.log"'))
  const drifted = lines.with(lost, '        "core.alarm.to.everybody"').join('\n')
  writeFileSync(out, drifted)
  const { code, out: said, err } = await permissions(['--check', '--out', out])
  expect({ code, said }).toEqual({ code: 1, said: '' })
  expect(err).toContain('is not what the apps declare; `pnpm ops permissions` makes it so')
  expect(err.trim().split('\n').slice(1).sort()).toEqual([
    `+${lost + 1}         "core.alarm.to.log"`,
    `-${lost + 1}         "core.alarm.to.everybody"`,
  ])
  expect(readFileSync(out, 'utf8')).toBe(drifted)
  expect(await permissions(['--out', out])).toMatchObject({ code: 0, err: '' })
  expect(readFileSync(out, 'utf8')).toBe(committed)
})

test('a file that is missing is shown as such, a long difference shortened', async () => {
  const { code, err } = await permissions(['--check', '--out', out])
  expect(code).toBe(1)
  expect(err).toMatch(/and \d+ lines more/)
  expect(err.split('\n').length).toBeLessThan(70)
})

test('--json and --app print what an app may do', async () => {
  const { code, out: json } = await permissions(['--json', '--app', 'producer'])
  expect(code).toBe(0)
  const { apps } = JSON.parse(json) as { readonly apps: readonly { readonly publish: readonly object[] }[] }
  expect(apps).toMatchObject([{ app: 'producer', subscribe: ['_INBOX_producer.>'] }])
  expect(apps[0]?.publish).toContainEqual({
    what: 'alarm-to-bot: stored, and (core.) at most once.',
    subjects: ['alarm.to.bot', 'core.alarm.to.bot'],
  })
  const { apps: all } = JSON.parse((await permissions(['--json'])).out) as {
    readonly apps: readonly object[]
  }
  expect(all.length).toBeGreaterThan(1)
  expect((await permissions(['--app', 'producer'])).out).toContain('\n  core.alarm.to.bot\n')
})

test.each([
  [['--app', 'nobody'], 'there is no app "nobody"; there is: '],
  [['--json', '--check'], '--json and --app print; they go with neither --check nor --out'],
  [['--nkeys'], '--nkeys needs --out FILE'],
  [['--sideways'], "Unknown option '--sideways'"],
])('%j is refused', async (flags, why) => {
  const { code, err } = await permissions(flags)
  expect(code).toBe(1)
  expect(err).toContain(why)
})
