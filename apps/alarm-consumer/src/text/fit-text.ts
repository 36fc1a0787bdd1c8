const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' })
const ELLIPSIS = '…'

/** How a target wants its text. */
export interface TextRules {
  /** In UTF-16 units, as all targets count at most. */
  readonly limit: number
  /** Whether the limit holds for the text as people see it, or as it is sent. */
  readonly counts: 'seen' | 'sent'
  /** Takes one character as people see it: a letter with its marks, an emoji with its parts. */
  escape(character: string, atLineStart: boolean): string
  /** Spans that are sent as they are. */
  readonly verbatim?: RegExp
}

/**
 * Escapes a text and cuts it where it exceeds the limit, with an ellipsis, never within a character as people see it and
 * never within an escape. Control characters but tabs and line breaks are left out, halves of surrogate pairs replaced.
 */
export function fitText(text: string, rules: TextRules): string {
  const clean = text.toWellFormed().replaceAll(/[^\P{Cc}\n\t]/gu, '')
  let whole = ''
  let cost = 0
  let cut = ''
  let atLineStart = true
  for (const [span, verbatim] of spansOf(clean, rules.verbatim)) {
    for (const { segment } of graphemes.segment(span)) {
      const sent = verbatim ? segment : rules.escape(segment, atLineStart)
      cost += (rules.counts === 'sent' ? sent : segment).length
      if (cost > rules.limit) return cut + ELLIPSIS
      whole += sent
      if (cost < rules.limit) cut = whole
      atLineStart = segment === '\n' || (atLineStart && /^[ \t]$/.test(segment))
    }
  }
  return whole
}

function* spansOf(text: string, verbatim: RegExp | undefined): Generator<readonly [span: string, verbatim: boolean]> {
  let from = 0
  if (verbatim) {
    for (const match of text.matchAll(verbatim)) {
      yield [text.slice(from, match.index), false]
      yield [match[0], true]
      from = match.index + match[0].length
    }
  }
  yield [text.slice(from), false]
}
