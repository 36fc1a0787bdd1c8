import type { Comparison } from './comparison.ts'
import { ChangeKind, NARROWS, WIDENS } from './difference.ts'
import type { JsonSchema } from './json-schema.ts'

/** Bounds of a length, of characters or items: `minLength` and `maxLength`, `minItems` and `maxItems`. */
export function diffSizes(
  comparison: Comparison,
  before: JsonSchema,
  after: JsonSchema,
  path: string,
  [least, most]: readonly [string, string],
): void {
  const at = (node: JsonSchema, keyword: string, none: number): number =>
    typeof node[keyword] === 'number' ? node[keyword] : none
  for (const [keyword, none, sign] of [
    [least, 0, 1],
    [most, Number.POSITIVE_INFINITY, -1],
  ] as const) {
    const old = at(before, keyword, none)
    const fresh = at(after, keyword, none)
    if (old === fresh) continue
    const tightened = sign * (fresh - old) > 0
    const shown = (value: number): unknown => (value === none ? undefined : { [keyword]: value })
    const kind = tightened ? ChangeKind.BoundTightened : ChangeKind.BoundLoosened
    comparison.report(path, kind, shown(old), shown(fresh), tightened ? NARROWS : WIDENS)
  }
}
