import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runPermissions } from '../src/permissions/run-permissions.ts'
import { repository } from './harness.ts'
import { runOps, within } from './run-ops.ts'

const NAMES = ['nats.permissions.conf', 'nats.accounts.conf'] as const
const read = (folder: string) => NAMES.map((name) => readFileSync(join(folder, name), 'utf8'))
const committed = read(repository)

const permissions = (argv: readonly string[]) => within(runPermissions, argv)

let folder: string
let out: string
let accounts: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'alarm-bus-permissions-'))
  out = join(folder, 'broker')
  accounts = join(out, 'nats.accounts.conf')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('the files of the repository are what the apps declare, and a second writing changes nothing', async () => {
  expect(await runOps(['permissions', '--check'])).toEqual({
    code: 0,
    out: 'nats.permissions.conf is what the apps declare\nnats.accounts.conf is what the apps declare\n',
    err: '',
  })
  expect(await permissions(['--out', out])).toMatchObject({ code: 0, err: '' })
  expect(read(out)).toEqual(committed)
  expect((await permissions(['--out', out])).out.match(/is what the apps declare$/gm)).toHaveLength(2)
})

test('--check shows the lines that differ, fails, and writes nothing', async () => {
  await permissions(['--out', out])
  const lines = (committed[1] as string).split('\n')
  const lost = lines.findIndex((line) => line.includes('"core.alarm.to.log"'))
  const drifted = lines.with(lost, '          "core.alarm.to.everybody"').join('\n')
  writeFileSync(accounts, drifted)
  const { code, out: said, err } = await permissions(['--check', '--out', out])
  expect({ code, said }).toEqual({ code: 1, said: `${join(out, NAMES[0])} is what the apps declare\n` })
  expect(err).toContain('is not what the apps declare; `pnpm ops permissions` makes it so')
  expect(err.trim().split('\n').slice(1).sort()).toEqual([
    `+${lost + 1}           "core.alarm.to.log"`,
    `-${lost + 1}           "core.alarm.to.everybody"`,
  ])
  expect(readFileSync(accounts, 'utf8')).toBe(drifted)
  expect(await permissions(['--out', out])).toMatchObject({ code: 0, err: '' })
  expect(read(out)).toEqual(committed)
})

test('a file that is missing is shown as such, a long difference shortened', async () => {
  const { code, err } = await permissions(['--check', '--out', out])
  expect(code).toBe(1)
  expect(err).toMatch(/and \d+ lines more/)
  expect(err.split('\n').length).toBeLessThan(140)
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
  [['--app', 'nobody'], 'unknown app "nobody"; expected one of: '],
  [['--json', '--check'], '--json and --app print; they go with neither --check nor --out'],
  [['--nkeys'], '--nkeys needs --out FOLDER'],
  [['--one-account'], '--one-account needs --out FOLDER'],
  [['--out', 'users.conf'], '--out takes the folder that the two files go to'],
  [['--sideways'], "unknown option '--sideways'"],
])('%j is refused', async (flags, why) => {
  const { code, err } = await permissions(flags)
  expect(code).toBe(1)
  expect(err).toContain(why)
})
