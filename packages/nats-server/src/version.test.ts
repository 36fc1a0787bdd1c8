import { join } from 'node:path'
import { expect, test } from 'vitest'
import { caught, tempDir, writeScript } from '../test/fixtures.ts'
import { isAtLeast, parseVersion, versionOf } from './version.ts'

test('reads the version that nats-server prints, and nothing else', () => {
  expect(parseVersion('nats-server: v2.15.1\n')).toBe('2.15.1')
  expect(parseVersion('nats-server: v2.16.0-RC.1')).toBe('2.16.0-RC.1')
  expect(parseVersion('v20.1.0')).toBeUndefined()
})

test.each([
  ['2.14.0', true],
  ['2.14.3', true],
  ['2.15.1', true],
  ['3.0.0', true],
  ['2.13.9', false],
  ['2.9.25', false],
  ['1.20.0', false],
  ['2.14.0-RC.1', false],
  ['2.15.0-RC.1', true],
])('%s is at least 2.14.0: %s', (version, expected) => {
  expect(isAtLeast(version, '2.14.0')).toBe(expected)
})

test('a binary that prints no version, or fails, is not runnable', async () => {
  const folder = tempDir()
  const silent = await caught(versionOf(writeScript(join(folder, 'a'), 'echo hello')))
  expect(silent).toMatchObject({ code: 'not_runnable', message: expect.stringContaining('hello') })
  const failing = await caught(versionOf(writeScript(join(folder, 'b'), 'echo no such library >&2; exit 127')))
  expect(failing).toMatchObject({ code: 'not_runnable', message: expect.stringContaining('no such library') })
})
