import { expect, test } from 'vitest'
import type { LogEntry } from '../store/log-row.ts'
import { csvRows } from './to-csv.ts'

/** What a sheet takes for a formula, after blanks and quotes that it drops. */
const LIVE = /^["\s]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]/
const SEPARATORS = [',', ';', '\t']

const entryOf = (text: string): LogEntry => ({
  storedAt: '2026-05-01T00:00:00.000Z',
  channel: 'alarm-to-log',
  message: text,
  extra: text,
  id: text,
  stream: 'S',
  seq: 1,
})

/** The cells of a line as a sheet reads them: quotes count at the beginning of a cell only, the rest is as it stands. */
function cellsOf(csv: string, separator: string): readonly string[] {
  const cells: string[] = []
  let cell = ''
  let state: 'begins' | 'quoted' | 'plain' = 'begins'
  for (let at = 0; at < csv.length; at++) {
    const character = csv[at] ?? ''
    if (state === 'quoted') {
      if (character === '"' && csv[at + 1] === '"') cell += csv[++at]
      else if (character === '"') state = 'plain'
      else cell += character
    } else if (character === separator || character === '\r' || character === '\n') {
      cells.push(cell)
      cell = ''
      state = 'begins'
    } else if (character === '"' && state === 'begins') state = 'quoted'
    else {
      cell += character
      state = 'plain'
    }
  }
  return [...cells, cell]
}

function expectHarmless(text: string): void {
  const csv = csvRows([entryOf(text)])
  for (const separator of SEPARATORS) {
    const live = cellsOf(csv, separator).filter((cell) => LIVE.test(cell))
    expect(live, JSON.stringify({ text, separator, csv })).toEqual([])
  }
}

test.each([
  `x;=cmd|' /C calc'!A0;y`,
  'x\t=1+1\ty',
  'x;"=1";y',
  'x; =1',
  'x;\t=1',
  'x\n=1',
  'x\r\n@SUM(A1)',
  'x;\n"=1',
  '"\n=1',
  ';;=1',
  'x;＝1',
  '\t=1',
])('%j runs nothing, whichever character separates', expectHarmless)

test('nor does anything else made of such characters', () => {
  const alphabet = [...';\t\r\n"\'=+-@ ,x\uFF1D\u00A0']
  let seed = 7
  const next = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((seed / 2_147_483_648) * below)
  }
  for (let round = 0; round < 20_000; round++)
    expectHarmless(Array.from({ length: 1 + next(10) }, () => alphabet[next(alphabet.length)]).join(''))
})

test('what no sheet would run is left as it is', () => {
  for (const text of ['a; b', 'load 3 - 5 = high', 'to ops@example.com; c', '1;2', 'a,-1', "it's"])
    expect(cellsOf(csvRows([entryOf(text)]), ',')[2]).toBe(text)
})
