import { expect, test } from 'vitest'
import { fitText } from './fit-text.ts'
import { htmlEscape } from './html-escape.ts'

const plain = (limit: number) => ({ limit, counts: 'sent', escape: (character: string) => character }) as const
const FAMILY = '👨‍👩‍👧‍👦'
const HANGUL = '\u1112\u1161\u11ab' // 한, in three letters

test('what fits is whole, to the last character', () => {
  expect(fitText('디스크가 가득 찼습니다 🔥', plain(15))).toBe('디스크가 가득 찼습니다 🔥')
  expect(fitText('abc', plain(3))).toBe('abc')
  expect(fitText('', plain(3))).toBe('')
})

test('is cut between characters as people see them, and never exceeds the limit', () => {
  for (const character of [FAMILY, HANGUL, '🔥', '🇰🇷', 'é', '각']) {
    const text = character.repeat(50)
    for (let limit = 1; limit < 40; limit++) {
      const fitted = fitText(text, plain(limit))
      expect(fitted.length).toBeLessThanOrEqual(limit)
      expect(fitted.replace('…', '').replaceAll(character, '')).toBe('')
      expect(fitted.isWellFormed()).toBe(true)
      // As much as there is room for.
      expect(fitted.length).toBeGreaterThan(limit - character.length - 1)
    }
  }
})

test('an escape is whole or not there, and counts as it is sent or as it is seen', () => {
  for (let limit = 1; limit < 30; limit++) {
    const sent = fitText('&'.repeat(100), { limit, counts: 'sent', escape: htmlEscape })
    expect(sent).toMatch(/^(&amp;)*…$/)
    expect(sent.length).toBeLessThanOrEqual(limit)
    const seen = fitText('&'.repeat(100), { limit, counts: 'seen', escape: htmlEscape })
    expect(seen).toBe(`${'&amp;'.repeat(limit - 1)}…`)
  }
})

test('control characters go, line breaks stay, half a surrogate pair is replaced', () => {
  expect(fitText('a\u0000b\u001bc\u0085d\ne\tf\ud83d', plain(100))).toBe('abcd\ne\tf\ufffd')
})

test('a character longer than the limit leaves the ellipsis', () => {
  expect(fitText(`a${'\u0301'.repeat(60_000)}`, plain(4_000))).toBe('…')
})
