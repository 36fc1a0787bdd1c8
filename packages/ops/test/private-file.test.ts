import { chmodSync, closeSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makePlan } from '../src/plan/make-plan.ts'
import { readPlan, writePlan } from '../src/plan/plan-file.ts'
import { openPrivate, writePrivate } from '../src/private-file.ts'
import { declare } from '../src/plan/declared.ts'
import { contracts } from '@alarm-bus/contracts'

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'ops-private-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const rightsOf = (path: string): number => statSync(path).mode & 0o777

test('a plan’s file is its owner’s alone', () => {
  const file = join(folder, 'plan.json')
  const observed = { streams: new Map(), consumers: [] }
  const plan = makePlan(declare(contracts, undefined, undefined), observed, { streamsOnly: true, destroy: [] })
  writePlan(file, plan)
  expect(rightsOf(file)).toBe(0o600)
  expect(readPlan(file)).toEqual(plan)
})

test('a file that was there with wider rights gets the narrow ones before anything is in it', () => {
  const file = join(folder, 'wide')
  writeFileSync(file, 'what was there')
  chmodSync(file, 0o666)
  symlinkSync(file, join(folder, 'link'))
  closeSync(openPrivate(join(folder, 'link')))
  expect([rightsOf(file), readFileSync(file, 'utf8')]).toEqual([0o600, ''])
  writePrivate(file, 'new')
  expect(readFileSync(file, 'utf8')).toBe('new')
})

test('what is no file keeps its rights', () => {
  const before = rightsOf('/dev/null')
  writePrivate('/dev/null', 'gone')
  expect(rightsOf('/dev/null')).toBe(before)
})
