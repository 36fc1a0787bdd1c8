/** Greek's iota below, and letters with it: a mark that folds to a letter, wherever it stands among the marks. */
const IOTA_BELOW = /[\u0345\u1F80-\u1FFF]/
/** Folds to itself; its upper case is that of i. */
const DOTLESS_I = 'ı'

/**
 * A text as it compares with others whatever their case: full case folding as Unicode has it, then NFC. Folding looks at
 * each character alone, so a part of a text folds to a part of what the text folds to. Lower case does not: a Greek sigma
 * becomes another letter at the end of a word.
 */
export function foldCase(text: string): string {
  const composed = text.normalize(IOTA_BELOW.test(text) ? 'NFD' : 'NFC')
  const folded = composed.includes(DOTLESS_I) ? composed.split(DOTLESS_I).map(fold).join(DOTLESS_I) : fold(composed)
  return folded.normalize('NFC')
}

/** Of all that upper and lower case know, folding differs in the final sigma, and in two letters: ẞ, hence lower case first, and ı. */
function fold(text: string): string {
  return text.toLowerCase().toUpperCase().toLowerCase().replaceAll('ς', 'σ')
}
