import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

// The guide's code is what runs in test/guide: a block that differs from its file fails here.

const guideFolder = new URL('../../../docs/', import.meta.url)
const FILES = ['alarm-handler.ts', 'alarm-handler.test.ts', 'alarm-bus.test.ts']

test.each(['testing-your-app.md', 'testing-your-app.ko.md'])('%s shows the files that run', (guide) => {
  const text = readFileSync(new URL(guide, guideFolder), 'utf8')
  const blocks = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code)
  // What is behind them runs as an example of docs/.
  expect(blocks.slice(0, FILES.length)).toEqual(FILES.map((file) => sourceOf(file)))
})

test.each(FILES.filter((file) => file.endsWith('.test.ts')))('%s has ten lines at most', (file) => {
  const lines = sourceOf(file).split('\n')
  expect(lines.filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(10)
})

function sourceOf(file: string): string {
  return readFileSync(new URL(`guide/${file}`, import.meta.url), 'utf8')
}
