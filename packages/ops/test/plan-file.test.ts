import { readFileSync, rmSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sealOf } from '../src/plan/plan-seal.ts'

import { applyDeclared, startBroker, type TestBroker } from './harness.ts'
import { opsOf } from './in-process.ts'

let broker: TestBroker
let manager: JetStreamManager
let folder: string
let file: string

beforeEach(async () => {
  broker = await startBroker()
  manager = await jetstreamManager(await broker.raw('admin'))
  folder = await mkdtemp(join(tmpdir(), 'alarm-bus-plan-file-'))
  file = join(folder, 'plan.json')
})
afterEach(async () => {
  await broker[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const ops = (command: string, ...flags: string[]) => opsOf(broker, {}, command, ...flags)
const namesOf = async () => (await manager.streams.list().next()).map(({ config }) => config.name).toSorted()
type Edit = (plan: Record<string, any>) => void

/** The file with an edit; `sealed`: by somebody who knows how a file is sealed. */
async function rewrite(text: string, edit: Edit, sealed: boolean): Promise<void> {
  const plan = JSON.parse(text)
  edit(plan)
  await writeFile(file, JSON.stringify(sealed ? { ...plan, seal: sealOf(plan) } : plan))
}

test('a plan from which the entry that destroys was taken destroys nothing, with and without the seal', async () => {
  await manager.streams.add({ name: 'OLD_STREAM', subjects: ['old'], max_bytes: 1_000_000 })
  const named = ['--allow-destroy', '--destroy', 'OLD_STREAM']
  expect((await ops('plan', '--streams-only', ...named, '--out', file)).code).toBe(2)
  const text = readFileSync(file, 'utf8')
  const edits: Readonly<Record<string, Edit>> = {
    'no entry': (plan) => (plan['changes'] = plan['changes'].filter(({ action }: any) => action !== 'destroy')),
    'another action': (plan) => (plan['changes'].at(-1).action = 'create'),
    'another stream': (plan) => (plan['changes'].at(-1).stream = 'SOMETHING_ELSE'),
    'fewer messages': (plan) => (plan['changes'].at(-1).messages = -1),
    'no changes': (plan) => (plan['changes'] = []),
    'no name to destroy': (plan) => (plan['options'].destroy = []),
  }
  for (const [what, edit] of Object.entries(edits)) {
    for (const sealed of [false, true]) {
      await rewrite(text, edit, sealed)
      for (const flags of [[], named]) {
        const refused = await ops('apply', file, '--yes', ...flags)
        expect(refused, `${what}, sealed ${sealed}`).toMatchObject({ code: 1, out: '' })
        expect(refused.err, what).toMatch(
          /was edited|does not say what it was made for|has changed since|nothing of that name/,
        )
      }
      expect(await namesOf(), what).toEqual(['OLD_STREAM'])
    }
  }
  await writeFile(file, text)
  expect((await ops('apply', file, '--yes')).err).toContain('--allow-destroy --destroy OLD_STREAM')
  expect(await ops('apply', file, ...named)).toMatchObject({ code: 0 })
  expect(await namesOf()).not.toContain('OLD_STREAM')
})

test('no value of a file can be another than the one that was written', async () => {
  await applyDeclared(broker)
  await manager.streams.update('BASQUIAT_STREAM', { max_msgs: 7 })
  await manager.streams.add({ name: 'OTHER', subjects: ['other'], max_bytes: 1_000_000 })
  expect((await ops('plan', '--out', file)).code).toBe(2)
  const text = readFileSync(file, 'utf8')
  const paths = leavesOf(JSON.parse(text))
  expect(paths.length).toBeGreaterThan(10)
  for (const path of paths) {
    await rewrite(text, (plan) => change(plan, path), false)
    const refused = await ops('apply', file, '--yes')
    expect(refused, path.join('.')).toMatchObject({ code: 1, out: '' })
    expect(refused.err, path.join('.')).toMatch(/was edited|is not a plan of this release/)
  }
  expect((await manager.streams.info('BASQUIAT_STREAM')).config.max_msgs).toBe(7)
  // Written otherwise, with the same in it.
  await writeFile(file, JSON.stringify(Object.fromEntries(Object.entries(parsed(text)).toReversed())))
  expect(await ops('apply', file)).toMatchObject({ code: 0, out: 'BASQUIAT_STREAM: updated\n' })
})

test('a file that was edited and sealed again is refused as edited', async () => {
  await applyDeclared(broker)
  await manager.streams.update('BASQUIAT_STREAM', { max_msgs: 200_000 })
  expect((await ops('plan', '--streams-only', '--out', file)).code).toBe(2)
  await rewrite(readFileSync(file, 'utf8'), (plan) => (plan['changes'][0].fields = []), true)
  const refused = await ops('apply', file, '--yes', '--json')
  expect(JSON.parse(refused.out)).toMatchObject({ error: { code: 'plan_edited' }, applied: [] })
  expect((await manager.streams.info('BASQUIAT_STREAM')).config.max_msgs).toBe(200_000)
})

const parsed = (text: string) => JSON.parse(text) as Record<string, unknown>

function leavesOf(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path]
  return Object.entries(value).flatMap(([key, one]) => leavesOf(one, [...path, key]))
}

function change(plan: any, path: readonly string[]): void {
  const last = path.at(-1) as string
  const holder = path.slice(0, -1).reduce((value, key) => value[key], plan)
  const value = holder[last]
  holder[last] = typeof value === 'boolean' ? !value : typeof value === 'number' ? value + 1 : `${value}x`
}
