import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SNAPSHOT_FILE } from '../src/repository.ts'
import { readSnapshot, writeSnapshot } from '../src/snapshot/snapshot-file.ts'
import { ALARMS, copyRepository, type RepositoryCopy } from './repository-copy.ts'

// The commands as a person runs them, on a copy of the repository in which a test changes what it likes.

let copy: RepositoryCopy

beforeEach(() => {
  copy = copyRepository()
})

afterEach(() => copy.remove())

describe('contracts:check', () => {
  test('passes what is as released', async () => {
    const { code, stdout } = await copy.check()
    expect(stdout).toContain('as released')
    expect(code).toBe(0)
  })

  test('passes a compatible change, and shows it', async () => {
    copy.edit(ALARMS, (text) =>
      text.replace(
        'schema: z.object({ message: text })',
        'schema: z.object({ message: text, level: z.string().optional() })',
      ),
    )
    const { code, stdout } = await copy.check()
    expect(stdout).toContain('✓ /level  field_added_optional')
    expect(code).toBe(0)
  })

  test('refuses a breaking change, and names the apps from their declarations', async () => {
    copy.shorten()
    const { code, stdout } = await copy.check()
    expect(stdout).toContain('✗ /message  bound_tightened  {"maxLength":4000} → {"maxLength":100}')
    expect(stdout).toContain('handlers built with it (alarm-consumer, console, log-consumer)')
    expect(stdout).toContain('publishers (producer)')
    expect(code).toBe(1)
  })

  test('says the same as JSON', async () => {
    copy.shorten()
    const { code, stdout } = await copy.check('--json')
    expect(JSON.parse(stdout)).toMatchObject({
      outcome: 'breaking',
      channels: [
        {
          channel: 'alarm-to-bot',
          outcome: 'breaking',
          publishedBy: ['producer'],
          handledBy: ['alarm-consumer', 'console', 'log-consumer'],
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
        { channel: 'console-audit' },
      ],
    })
    expect(code).toBe(1)
  })

  test('cannot be made with a flag that there is not, and says so as JSON too', async () => {
    const { code, stdout, stderr } = await copy.check('--json', '--jsn')
    expect(JSON.parse(stdout)).toMatchObject({ outcome: 'error' })
    expect(stderr).toContain('--jsn')
    expect(code).toBe(2)
  })

  test('cannot be made without its snapshot', async () => {
    rmSync(join(copy.root, SNAPSHOT_FILE))
    expect(await copy.check()).toMatchObject({ code: 2, stderr: expect.stringContaining('pnpm contracts:release') })
  })

  test('cannot be made when the version was raised without a release', async () => {
    copy.raiseVersion()
    expect(await copy.check()).toMatchObject({ code: 2, stderr: expect.stringContaining('is 0.9.0') })
  })
})

describe('contracts:release', () => {
  const snapshot = (): string => readFileSync(join(copy.root, SNAPSHOT_FILE), 'utf8')

  test('keeps what it finds under a new version, in the same order for the same contracts', async () => {
    copy.raiseVersion()
    copy.edit(join('packages', 'contracts', 'src', 'contracts.ts'), (text) =>
      text.replace('[alarmToBot, alarmToLog, ', '[alarmToLog, alarmToBot, '),
    )
    const before = snapshot()
    expect(await copy.release()).toMatchObject({ code: 0 })
    const parsed = JSON.parse(snapshot())
    expect(parsed.contractsVersion).toBe('0.9.0')
    const asReleased = ['publishedBy', 'handledBy']
    const channels = parsed.channels.map((channel: object) =>
      Object.fromEntries(Object.entries(channel).filter(([name]) => !asReleased.includes(name))),
    )
    expect({ channels, streams: parsed.streams }).toEqual({
      channels: JSON.parse(before).channels,
      streams: JSON.parse(before).streams,
    })
    expect(parsed.channels[1]).toMatchObject({ publishedBy: ['producer'], handledBy: ['console', 'log-consumer'] })
    expect(await copy.check()).toMatchObject({ code: 0 })
  })

  test('writes what can be read again, and what was edited since is refused', () => {
    const file = join(copy.root, SNAPSHOT_FILE)
    const kept = readSnapshot(file)
    if (!kept) throw new Error('there is no snapshot')
    writeSnapshot(file, kept)
    expect(readSnapshot(file)).toEqual(kept)
    copy.edit(SNAPSHOT_FILE, (text) => text.replace('4000', '4001'))
    expect(() => readSnapshot(file)).toThrow('was edited after it was written')
    copy.edit(SNAPSHOT_FILE, (text) => text.replace('"subject"', '"subjekt"'))
    expect(() => readSnapshot(file)).toThrow('/channels/0/subject')
    copy.edit(SNAPSHOT_FILE, (text) => `${text}}`)
    expect(() => readSnapshot(file)).toThrow('is not JSON')
  })

  test('writes nothing under the version that was released, whether the contracts changed or not', async () => {
    const before = snapshot()
    expect(await copy.release()).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing to keep') })
    copy.shorten()
    expect(await copy.release()).toMatchObject({ code: 2, stderr: expect.stringContaining('add a changeset') })
    expect(snapshot()).toBe(before)
  })
})
