import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { alarmToBot, alarmToLog, sinkTest } from '@alarm-bus/contracts'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readApps } from '../src/apps/read-apps.ts'
import { repository } from './harness.ts'

let elsewhere: string
beforeEach(() => (elsewhere = mkdtempSync(join(tmpdir(), 'alarm-bus-apps-'))))
afterEach(() => rmSync(elsewhere, { recursive: true, force: true }))

function declare(folder: string, text: string | undefined): void {
  const src = join(elsewhere, 'apps', folder, 'src')
  mkdirSync(src, { recursive: true })
  if (text !== undefined) writeFileSync(join(src, 'declaration.ts'), text)
}

test('every app of this repository declares itself', async () => {
  const apps = await readApps()
  expect(apps.map(({ name }) => name)).toEqual(readdirSync(`${repository}apps`).sort())
  const [alarmConsumer, logConsumer, producer] = ['alarm-consumer', 'log-consumer', 'producer'].map((name) =>
    apps.find((app) => app.name === name),
  )
  expect(alarmConsumer?.handles).toEqual([
    { channel: alarmToBot },
    // Of the request that it answers.
    { channel: sinkTest.stored?.channel, ofRequest: true },
  ])
  expect(logConsumer?.handles).toEqual([{ channel: alarmToBot }, { channel: alarmToLog }])
  expect(producer).toMatchObject({ handles: [], publishes: [alarmToBot, alarmToLog], idempotency: true })
})

test('an app without a declaration, without "app", or with another name is told by its file', async () => {
  declare('one', undefined)
  await expect(readApps(elsewhere)).rejects.toThrow('apps/one/src/declaration.ts is missing')
  declare('one', 'export const other = 1\n')
  await expect(readApps(elsewhere)).rejects.toThrow('apps/one/src/declaration.ts exports no "app"')
})

test('a declaration under another name than its folder is refused', async () => {
  declare('two', "export const app = { name: 'three' }\n")
  await expect(readApps(elsewhere)).rejects.toThrow('declares "three"; an app has the name of its folder')
})
