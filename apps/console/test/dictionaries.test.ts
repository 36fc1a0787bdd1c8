import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { en } from '../web/src/i18n/en.ts'
import { ko } from '../web/src/i18n/ko.ts'

const placeholders = (text: string): readonly string[] => [...new Set(text.match(/\{\w+\}/g))].sort()

test('both languages have the same texts, with the same places for values, and none is empty', () => {
  expect(Object.keys(ko).sort()).toEqual(Object.keys(en).sort())
  for (const [key, text] of Object.entries(en)) {
    expect(placeholders(ko[key as keyof typeof en]), key).toEqual(placeholders(text))
    expect(text.trim(), key).not.toBe('')
    expect(ko[key as keyof typeof en].trim(), key).not.toBe('')
  }
})

test('every text is used', () => {
  const folder = join(import.meta.dirname, '../web/src')
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file) && !file.startsWith('i18n/'))
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n')
  // A key that is put together ends in what stands for it: `state.${state}`.
  const prefixes = [...sources.matchAll(/`([\w.]+\.)\$\{/g)].map(([, prefix = '']) => prefix)
  const suffixed = [...sources.matchAll(/`\$\{action\}(\.\w+)`/g)].map(([, suffix = '']) => suffix)
  const isUsed = (key: string): boolean =>
    sources.includes(`'${key}'`) ||
    prefixes.some((prefix) => key.startsWith(prefix)) ||
    suffixed.some((suffix) => key.endsWith(suffix))
  expect(Object.keys(en).filter((key) => !isUsed(key))).toEqual([])
})
