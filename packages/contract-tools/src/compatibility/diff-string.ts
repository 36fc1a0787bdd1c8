import type { Comparison } from './comparison.ts'
import { diffSizes } from './diff-sizes.ts'
import { BREAKS_ALL, ChangeKind, NARROWS, WIDENS } from './difference.ts'
import type { JsonSchema } from './json-schema.ts'
import { sameSchema } from './same-schema.ts'

/** Lengths, patterns and formats of two strings. Whether one pattern contains another cannot be told. */
export function diffString(comparison: Comparison, before: JsonSchema, after: JsonSchema, path: string): void {
  diffSizes(comparison, before, after, path, ['minLength', 'maxLength'])
  for (const keyword of ['format', 'contentEncoding', 'contentMediaType']) {
    const [old, fresh] = [before[keyword], after[keyword]]
    if (old === fresh) continue
    if (old === undefined) comparison.report(path, ChangeKind.FormatAdded, old, fresh, NARROWS)
    else if (fresh === undefined) comparison.report(path, ChangeKind.FormatRemoved, old, fresh, WIDENS)
    else comparison.report(path, ChangeKind.FormatChanged, old, fresh, BREAKS_ALL)
  }
  const old = partsOf(before)
  const fresh = partsOf(after)
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
function partsOf(node: JsonSchema): { readonly patterns: readonly string[]; readonly others: readonly unknown[] } {
  const parts = (node['allOf'] ?? []) as readonly JsonSchema[]
  const isPattern = (part: JsonSchema): boolean => typeof part['pattern'] === 'string' && Object.keys(part).length === 1
  const all = [...(typeof node['pattern'] === 'string' ? [{ pattern: node['pattern'] }] : []), ...parts]
  return {
    patterns: all.filter(isPattern).map((part) => part['pattern'] as string),
    others: all.filter((part) => !isPattern(part)),
  }
}
