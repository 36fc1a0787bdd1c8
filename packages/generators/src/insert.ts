/**
 * The text with a line after the last one that matches.
 *
 * @throws Error naming the file, where none does.
 */
export function afterLast(file: string, text: string, pattern: RegExp, line: string): string {
  const lines = text.split('\n')
  const at = lines.findLastIndex((one) => pattern.test(one))
  if (at < 0) throw new Error(`${file}: no line matches ${pattern.source}; add ${line.trim()} by hand`)
  return lines.toSpliced(at + 1, 0, line).join('\n')
}

/**
 * The text with another one in place of the first match.
 *
 * @throws Error naming the file, where nothing matches.
 */
export function inPlaceOf(file: string, text: string, pattern: RegExp, made: (found: string) => string): string {
  if (!pattern.test(text)) throw new Error(`${file}: nothing matches ${pattern.source}; change it by hand`)
  return text.replace(pattern, made)
}
