import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadDevEnv } from '../src/dev/dev-env.ts'

let folder: string
const before = process.env['NODE_ENV']
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ops-dev-env-'))
  delete process.env['NODE_ENV']
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
  process.env['NODE_ENV'] = before
})

test('dev says development itself, where neither .env nor .env.example does', () => {
  loadDevEnv(folder)
  expect(process.env['NODE_ENV']).toBe('development')
  process.env['NODE_ENV'] = ''
  loadDevEnv(folder)
  expect(process.env['NODE_ENV']).toBe('development')
})

test('what a person says goes before it', () => {
  writeFileSync(join(folder, '.env'), 'NODE_ENV=production\n')
  writeFileSync(join(folder, '.env.example'), 'NODE_ENV=development\n')
  loadDevEnv(folder)
  expect(process.env['NODE_ENV']).toBe('production')
})
