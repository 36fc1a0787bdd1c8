import { expect, test } from 'vitest'
import { plainWords } from './plain-words.ts'

/** A blank of no width. */
const Z = '\u200b'

test.each([
  '@channel',
  '@all',
  '@here',
  '@channel_',
  '@all_',
  '@channel.',
  '@user',
  '@user.name',
  '@가나다',
  '(@all)',
  '_@all',
  '*@user*',
  '담당자@user',
  '.@user',
  '\n@all',
])('%j mentions no one', (text) => {
  expect(plainWords(text)).toBe(text.replace('@', `@${Z}`))
})

test('an address of mail stays as it is, and so does a lone @', () => {
  for (const text of ['ops@example.com', 'a1@b', 'load @ 90 %', '@', 'x @']) expect(plainWords(text)).toBe(text)
})

test.each([
  ['[reset here](https://evil.example)', `[reset here]${Z}(https://evil.example)`],
  ['![](https://evil.example/pixel.png)', `![]${Z}(https://evil.example/pixel.png)`],
  ['[x][1]', `[x]${Z}[1]`],
  ['[1]: https://evil.example', `[1]${Z}: https://evil.example`],
  ['[a](b)](c)', `[a]${Z}(b)]${Z}(c)`],
])('%s is no link and no picture', (text, expected) => {
  expect(plainWords(text)).toBe(expected)
})

test('an address of the web leads where it led', () => {
  expect(plainWords('see https://host.example/@all/x?to=@user&m=a@b#@here now')).toBe(
    'see https://host.example/%40all/x?to=%40user&m=a@b#%40here now',
  )
  // Who is asked for before the host would be another host, were it written otherwise.
  expect(plainWords('https://user@host.example/')).toBe('https://user@host.example/')
  expect(plainWords('https://@host.example/@a')).toBe(`https://@${Z}host.example/%40a`)
})
