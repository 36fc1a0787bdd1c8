import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findDrift, writeDocuments } from '../../src/docs/document-files.ts'

const documents = new Map([
  ['deep/down/one.txt', 'a\nb\nc\n'],
  ['two.txt', 'x\n'],
])
let root: string
beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'alarm-bus-docs-'))))
afterEach(() => rmSync(root, { recursive: true, force: true }))

test('what was written has not drifted', async () => {
  await writeDocuments(root, documents)
  expect(readFileSync(join(root, 'deep/down/one.txt'), 'utf8')).toBe('a\nb\nc\n')
  expect(await findDrift(root, documents)).toEqual([])
})

test('a changed line, a line too few, a missing file: each is shown by its first difference', async () => {
  await writeDocuments(root, documents)
  writeFileSync(join(root, 'deep/down/one.txt'), 'a\nB\nc\n')
  rmSync(join(root, 'two.txt'))
  expect(await findDrift(root, documents)).toEqual([
    { path: 'deep/down/one.txt', difference: '  line 2\n  - B\n  + b' },
    { path: 'two.txt', difference: '  it is not there' },
  ])
  writeFileSync(join(root, 'deep/down/one.txt'), 'a\nb\nc\nd\n')
  expect((await findDrift(root, documents))[0]?.difference).toBe('  line 4\n  - d\n  + ')
})
