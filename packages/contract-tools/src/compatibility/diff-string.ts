import type { Comparison } from './comparison.ts'
import { diffSizes } from './diff-sizes.ts'
import { BREAKS_ALL, ChangeKind, NARROWS, WIDENS } from './difference.ts'
import { type JsonSchema, partsOf, validatingKeywords } from './json-schema.ts'
import { sameSchema } from './same-schema.ts'

/** Rules that a string has or has not, of which one in place of another says nothing. */
const NAMED_RULES = [
  'format',
  'contentEncoding',
  'contentMediaType',
  'x-url-protocol',
  'x-url-hostname',
  'x-jwt-alg',
] as const

/** Lengths, patterns and formats of two strings. Whether one pattern contains another cannot be told. */
export function diffString(comparison: Comparison, before: JsonSchema, after: JsonSchema, path: string): void {
  diffSizes(comparison, before, after, path, ['minLength', 'maxLength'])
  for (const keyword of NAMED_RULES) {
    const [old, fresh] = [before[keyword], after[keyword]]
    if (old === fresh) continue
    if (old === undefined) comparison.report(path, ChangeKind.FormatAdded, old, fresh, NARROWS)
    else if (fresh === undefined) comparison.report(path, ChangeKind.FormatRemoved, old, fresh, WIDENS)
    else comparison.report(path, ChangeKind.FormatChanged, old, fresh, BREAKS_ALL)
  }
  const old = splitParts(before)
  const fresh = splitParts(after)
  if (!sameSchema(comparison, { allOf: old.others }, { allOf: fresh.others })) {
    comparison.reportUnjudged(path, { allOf: old.others }, { allOf: fresh.others })
  }
  diffPatterns(comparison, old.patterns, fresh.patterns, path)
}

function diffPatterns(comparison: Comparison, old: readonly string[], fresh: readonly string[], path: string): void {
  const removed = old.filter((pattern) => !fresh.includes(pattern))
  const added = fresh.filter((pattern) => !old.includes(pattern))
  if (removed.length > 0 && added.length > 0) {
    comparison.report(path, ChangeKind.PatternChanged, shown(removed), shown(added), BREAKS_ALL)
  } else if (added.length > 0) comparison.report(path, ChangeKind.PatternAdded, undefined, shown(added), NARROWS)
  else if (removed.length > 0) comparison.report(path, ChangeKind.PatternRemoved, shown(removed), undefined, WIDENS)
}

function shown(patterns: readonly string[]): unknown {
  return patterns.length === 1 ? patterns[0] : patterns
}

/** Several patterns stand in `allOf`, each alone; all of them hold. */
function splitParts(node: JsonSchema): { readonly patterns: readonly string[]; readonly others: readonly unknown[] } {
  const isPattern = (part: JsonSchema): boolean =>
    typeof part['pattern'] === 'string' && validatingKeywords(part).every((keyword) => PATTERN_KEYWORDS.has(keyword))
  const all = partsOf(node)
  return { patterns: all.filter(isPattern).map(patternText), others: all.filter((part) => !isPattern(part)) }
}

const PATTERN_KEYWORDS: ReadonlySet<string> = new Set(['type', 'pattern', 'x-pattern-flags'])

/** With its flags, where there are any: `/a/i`. */
function patternText({ pattern, 'x-pattern-flags': flags }: JsonSchema): string {
  return flags === undefined ? String(pattern) : `/${String(pattern)}/${String(flags)}`
}
