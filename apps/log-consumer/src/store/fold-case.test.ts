import { expect, test } from 'vitest'
import { foldCase } from './fold-case.ts'

// What upper and lower case alone would not give, and what they would. Unicode folds Cherokee to its upper case: the same, since all comes out alike.
test.each([
  ['ΔΙΣΚΟΣ', 'δισκοσ'],
  ['δίσκος', 'δίσκοσ'],
  ['Straße STRASSE ẞ', 'strasse strasse ss'],
  ['ﬁle ſ K Å', 'file s k å'],
  ['İ I ı i', 'i\u0307 i ı i'],
  ['ŉ ǰ', 'ʼn ǰ'],
  ['ᾳ ᾼ', 'αι αι'],
  ['Ǆ ǅ ǆ', 'ǆ ǆ ǆ'],
  ['µ Ω Ω', 'μ ω ω'],
  ['ᏣᎳᎩ ꮳꮃꭹ', 'ꮳꮃꭹ ꮳꮃꭹ'],
  ['서버실', '서버실'],
])('%s folds to %s', (text, expected) => {
  expect(foldCase(text)).toBe(expected)
})

test('case and normal form make no difference, and what is folded stays as it is', () => {
  const texts = ['ΔΙΣΚΟΣΤΑΘΜΗ', 'Straße', 'ÉCOLE', 'ΐ ΰ ᾷ', '서버실 정전', 'ǰ ŉ İ', 'ẖ ẗ ẘ ẙ ẚ ẞ', 'ﬀ ﬃ ﬅ և ﬓ']
  for (const text of texts) {
    const folded = foldCase(text)
    const forms = ['NFC', 'NFD'].flatMap((form) => [text, text.toUpperCase()].map((each) => each.normalize(form)))
    for (const form of forms) expect(foldCase(form), form).toBe(folded)
    expect(foldCase(folded)).toBe(folded)
  }
})

test('a part of a text is found in the whole', () => {
  for (const [text, part] of [
    ['ΔΙΣΚΟΣΤΑΘΜΗ', 'ΔΙΣΚΟΣ'],
    ['δισκοσταθμη', 'δίσκος'.normalize('NFD').replace('\u0301', '')],
    ['HAUPTSTRASSE 7', 'hauptstraße'],
  ] as const)
    expect(foldCase(text)).toContain(foldCase(part))
})
