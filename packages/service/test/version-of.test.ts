import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { versionOf } from '../src/index.ts'

function folderWith(manifest: object): string {
  const folder = mkdtempSync(join(tmpdir(), 'version-of-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'dist/deep'), { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  return folder
}

test.each(['main.js', 'src/main.ts', 'dist/deep/main.js'])('reads the package.json above %s', (file) => {
  expect(versionOf(pathToFileURL(join(folderWith({ version: '4.5.6' }), file)).href)).toBe('4.5.6')
})

test('a package.json without a version is named', () => {
  const folder = folderWith({})
  expect(() => versionOf(pathToFileURL(join(folder, 'main.js')).href)).toThrow(`${folder}/package.json has no version`)
})
