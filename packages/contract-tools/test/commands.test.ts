import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { REPOSITORY, SNAPSHOT_FILE } from '../src/repository.ts'
import { readSnapshot, writeSnapshot } from '../src/snapshot/snapshot-file.ts'

// The commands as a person runs them, on a copy of the repository in which a test changes what it likes.

let copy: string

beforeEach(() => {
  copy = mkdtempSync(join(tmpdir(), 'alarm-bus-contracts-'))
  const isSource = (path: string): boolean => !/[\\/](node_modules|dist|\.turbo|\.vitest|test)$/.test(path)
  for (const folder of ['apps', join('packages', 'contracts'), '.changeset']) {
    cpSync(join(REPOSITORY, folder), join(copy, folder), { recursive: true, filter: isSource })
  }
  for (const folder of [join('packages', 'contracts'), join('apps', 'producer')]) {
    symlinkSync(join(REPOSITORY, folder, 'node_modules'), join(copy, folder, 'node_modules'))
  }
  for (const name of ['alarm-consumer', 'log-consumer']) {
    symlinkSync(join(REPOSITORY, 'apps', name, 'node_modules'), join(copy, 'apps', name, 'node_modules'))
  }
})

afterEach(() => rmSync(copy, { recursive: true, force: true }))

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function run(script: string, ...args: readonly string[]): Promise<Ended> {
  const path = join(import.meta.dirname, '..', 'src', script)
  return new Promise((resolve) => {
    execFile(process.execPath, ['--conditions=@alarm-bus/source', path, ...args], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr })
    })
  })
}

const check = (...args: readonly string[]): Promise<Ended> => run('contracts-check.ts', '--root', copy, ...args)
const release = (): Promise<Ended> => run('contracts-release.ts', copy)

function edit(file: string, change: (text: string) => string): void {
  const path = join(copy, file)
  const before = readFileSync(path, 'utf8')
  const after = change(before)
  expect(after, `${file} is to change`).not.toBe(before)
  writeFileSync(path, after)
}

const ALARMS = join('packages', 'contracts', 'src', 'alarms.ts')
/** Shorter alarms: old messages may be refused, and publishers too. */
const shorten = (): void =>
  edit(ALARMS, (text) => text.replace('MAX_TEXT_CHARACTERS = 4_000', 'MAX_TEXT_CHARACTERS = 100'))
const raiseVersion = (): void =>
  edit(join('packages', 'contracts', 'package.json'), (text) =>
    text.replace(/"version": "[^"]+"/, '"version": "0.9.0"'),
  )

describe('contracts:check', () => {
  test('passes what is as released', async () => {
    const { code, stdout } = await check()
    expect(stdout).toContain('as released')
    expect(code).toBe(0)
  })

  test('passes a compatible change, and shows it', async () => {
    edit(ALARMS, (text) =>
      text.replace(
        'schema: z.object({ message: text })',
        'schema: z.object({ message: text, level: z.string().optional() })',
      ),
    )
    const { code, stdout } = await check()
    expect(stdout).toContain('✓ /level  field_added_optional')
    expect(code).toBe(0)
  })

  test('refuses a breaking change, and names the apps from their declarations', async () => {
    shorten()
    const { code, stdout } = await check()
    expect(stdout).toContain('✗ /message  bound_tightened  {"maxLength":4000} → {"maxLength":100}')
    expect(stdout).toContain('handlers built with it (alarm-consumer, log-consumer)')
    expect(stdout).toContain('publishers (producer)')
    expect(code).toBe(1)
  })

  test('says the same as JSON', async () => {
    shorten()
    const { code, stdout } = await check('--json')
    expect(JSON.parse(stdout)).toMatchObject({
      outcome: 'breaking',
      channels: [
        {
          channel: 'alarm-to-bot',
          outcome: 'breaking',
          publishedBy: ['producer'],
          handledBy: ['alarm-consumer', 'log-consumer'],
          differences: [
            {
              path: '/message',
              kind: 'bound_tightened',
              before: { maxLength: 4_000 },
              after: { maxLength: 100 },
              producer: 'breaking',
              newConsumer: 'breaking',
              oldConsumer: 'compatible',
            },
          ],
        },
        { channel: 'alarm-to-log' },
      ],
    })
    expect(code).toBe(1)
  })

  test('cannot be made with a flag that there is not, and says so as JSON too', async () => {
    const { code, stdout, stderr } = await check('--json', '--jsn')
    expect(JSON.parse(stdout)).toMatchObject({ outcome: 'error' })
    expect(stderr).toContain('--jsn')
    expect(code).toBe(2)
  })

  test('cannot be made without its snapshot', async () => {
    rmSync(join(copy, SNAPSHOT_FILE))
    expect(await check()).toMatchObject({ code: 2, stderr: expect.stringContaining('pnpm contracts:release') })
  })

  test('cannot be made when the version was raised without a release', async () => {
    raiseVersion()
    expect(await check()).toMatchObject({ code: 2, stderr: expect.stringContaining('is 0.9.0') })
  })
})

describe('contracts:release', () => {
  const snapshot = (): string => readFileSync(join(copy, SNAPSHOT_FILE), 'utf8')

  test('keeps what it finds under a new version, in the same order for the same contracts', async () => {
    raiseVersion()
    edit(join('packages', 'contracts', 'src', 'contracts.ts'), (text) =>
      text.replace('[alarmToBot, alarmToLog]', '[alarmToLog, alarmToBot]'),
    )
    const before = snapshot()
    expect(await release()).toMatchObject({ code: 0 })
    const parsed = JSON.parse(snapshot())
    expect(parsed.contractsVersion).toBe('0.9.0')
    expect({ channels: parsed.channels, streams: parsed.streams }).toEqual({
      channels: JSON.parse(before).channels,
      streams: JSON.parse(before).streams,
    })
    expect(await check()).toMatchObject({ code: 0 })
  })

  test('writes what can be read again, and what was edited since is refused', () => {
    const file = join(copy, SNAPSHOT_FILE)
    const kept = readSnapshot(file)
    if (!kept) throw new Error('there is no snapshot')
    writeSnapshot(file, kept)
    expect(readSnapshot(file)).toEqual(kept)
    edit(SNAPSHOT_FILE, (text) => text.replace('4000', '4001'))
    expect(() => readSnapshot(file)).toThrow('was edited after it was written')
    edit(SNAPSHOT_FILE, (text) => text.replace('"subject"', '"subjekt"'))
    expect(() => readSnapshot(file)).toThrow('/channels/0/subject')
    edit(SNAPSHOT_FILE, (text) => `${text}}`)
    expect(() => readSnapshot(file)).toThrow('is not JSON')
  })

  test('writes nothing under the version that was released, whether the contracts changed or not', async () => {
    const before = snapshot()
    expect(await release()).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing to keep') })
    shorten()
    expect(await release()).toMatchObject({ code: 2, stderr: expect.stringContaining('add a changeset') })
    expect(snapshot()).toBe(before)
  })
})
