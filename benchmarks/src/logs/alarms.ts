/** What a log of alarms may hold, Korean and English mixed. The same index gives the same alarm. */
export interface BenchmarkAlarm {
  readonly channel: string
  readonly message: string
  readonly extra?: string
  readonly requestId: string
}

/** Stands in one of so many alarms. */
const RARE_EVERY = 1_000_003
/** Words of each language; the first are said most, as in any language. */
const WORDS = 5_000
const SYLLABLES = [
  ...'가나다라마바사아자차하고노도로모보소오조구누두루무부수우주기니디리미비시이지서버실온력정전복장애디스크사용률경확인필요결제환불주문배송',
]
const SOUNDS = [
  'ba',
  'co',
  'de',
  'fi',
  'ga',
  'ho',
  'in',
  'ka',
  'lo',
  'me',
  'no',
  'or',
  'pa',
  're',
  'st',
  'ta',
  'un',
  've',
  'wi',
  'er',
  'on',
  'an',
]

export const COMMON_KOREAN = '온도'
export const COMMON_ENGLISH = 'disk'
export const RARE_KOREAN = '쀍쀎'
export const RARE_ENGLISH = 'zebrafish'

/** Some bits of a number, spread over all of them. */
function spread(value: number): number {
  let hash = Math.imul(value ^ 0x5bd1e995, 0x2c1b3c6d)
  hash = Math.imul(hash ^ (hash >>> 15), 0x297a2d39)
  return (hash ^ (hash >>> 13)) >>> 0
}

function wordsOf(pieces: readonly string[], least: number, first: string): readonly string[] {
  const words = Array.from({ length: WORDS }, (_, word) =>
    Array.from(
      { length: least + (spread(word) % 3) },
      (_none, at) => pieces[spread(word * 8 + at) % pieces.length],
    ).join(''),
  )
  return [first, ...words]
}

const KOREAN = wordsOf(SYLLABLES, 2, COMMON_KOREAN)
const ENGLISH = wordsOf(SOUNDS, 2, COMMON_ENGLISH)

/** A word by Zipf's law, about: the most common one stands in every third alarm. */
function word(words: readonly string[], seed: number): string {
  const place = Math.floor((WORDS + 1) ** (spread(seed) / 2 ** 32)) - 1
  return words[place] as string
}

export function alarmAt(index: number): BenchmarkAlarm {
  const seed = index * 32
  const isKorean = spread(seed) % 10 < 6
  const words = Array.from({ length: 6 + (spread(seed + 1) % 8) }, (_, at) =>
    word(spread(seed + at) % 10 < (isKorean ? 8 : 1) ? KOREAN : ENGLISH, seed + 2 + at),
  )
  if (index % RARE_EVERY === RARE_EVERY >> 1) words.push(RARE_KOREAN, RARE_ENGLISH)
  const message = `[${word(ENGLISH, seed + 20)}-${spread(seed + 21) % 100}] ${words.join(' ')} ${spread(seed + 22) % 100_000}`
  const hasExtra = spread(seed + 23) % 4 === 0
  return {
    channel: spread(seed + 24) % 5 === 0 ? 'alarm-to-bot' : 'alarm-to-log',
    message,
    ...(hasExtra && {
      extra: `at ${word(ENGLISH, seed + 25)} (${word(ENGLISH, seed + 26)}.ts:${spread(seed + 27) % 900})`,
    }),
    requestId: requestIdAt(index),
  }
}

/** Of four alarms in a row one request. */
export function requestIdAt(index: number): string {
  const request = index >> 2
  return `${spread(request).toString(16).padStart(8, '0')}-${request.toString(16).padStart(8, '0')}`
}
