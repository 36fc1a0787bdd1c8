import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadDevEnv } from '../src/dev/dev-env.ts'
import { envFileProblems } from '../src/dev/env-file-problems.ts'

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

test('.env: a misspelled name and a line that assigns nothing are named', () => {
  writeFileSync(join(folder, '.env.example'), 'LOG_LEVEL=info\n# NATS_PASSWORD=\n')
  const lines = [
    '# LOG_LEVL=debug',
    'LOG_LEVL=debug',
    '',
    'export LOG_LEVEL = warn # as it is',
    'LOG_LEVEL info',
    'MY_OWN_VARIABLE=1',
    'NATS_PASSWORD_FILE=/run/secret',
    'LONG="one',
    'no assignment, within quotes',
    'three"',
    'the last line',
  ]
  writeFileSync(join(folder, '.env'), lines.join('\r\n'))
  expect(envFileProblems(folder)).toEqual([
    '.env:5: expected NAME=value; the line is ignored',
    '.env:11: expected NAME=value; the line is ignored',
    '.env: LOG_LEVL is unknown and ignored; did you mean LOG_LEVEL?',
  ])
  rmSync(join(folder, '.env'))
  expect(envFileProblems(folder)).toEqual([])
})
