import { isDeepStrictEqual } from 'node:util'
import type { Comparison } from './comparison.ts'
import { asSchema, type JsonSchema, validatingKeywords } from './json-schema.ts'

/** Keywords whose value is a schema, a list of them, or a record of them. */
const ONE = new Set(['items', 'additionalProperties', 'propertyNames', 'not', 'contains'])
const MANY = new Set(['anyOf', 'oneOf', 'allOf', 'prefixItems'])
const NAMED = new Set(['properties', 'patternProperties'])

type Met = Map<JsonSchema, Set<JsonSchema>>

/** Whether the same values are valid for both, keyword by keyword; descriptions, defaults and the like may differ. */
export function sameSchema(comparison: Comparison, before: unknown, after: unknown, met: Met = new Map()): boolean {
  const left = comparison.before.identity(asSchema(before))
  const right = comparison.after.identity(asSchema(after))
  const known = met.get(left) ?? new Set()
  // Back where the comparison began: as far as that goes they are the same.
  if (known.has(right)) return true
  met.set(left, known.add(right))

  const one = comparison.before.resolve(asSchema(before))
  const other = comparison.after.resolve(asSchema(after))
  const keywords = validatingKeywords(one).toSorted()
  if (!isDeepStrictEqual(keywords, validatingKeywords(other).toSorted())) return false
  const same = (a: unknown, b: unknown): boolean => sameSchema(comparison, a, b, met)
  return keywords.every((keyword) => {
    const a = one[keyword]
    const b = other[keyword]
    if (ONE.has(keyword)) return same(a, b)
    if (MANY.has(keyword)) return sameList(a as readonly unknown[], b as readonly unknown[], same)
    if (NAMED.has(keyword)) return sameRecord(a as JsonSchema, b as JsonSchema, same)
    // The order of these says nothing.
    if (keyword === 'required' || keyword === 'enum' || keyword === 'type') return sameSet(a, b)
    return isDeepStrictEqual(a, b)
  })
}

function sameList(a: readonly unknown[], b: readonly unknown[], same: (a: unknown, b: unknown) => boolean): boolean {
  return a.length === b.length && a.every((entry, index) => same(entry, b[index]))
}

function sameRecord(a: JsonSchema, b: JsonSchema, same: (a: unknown, b: unknown) => boolean): boolean {
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]))
}

function sameSet(a: unknown, b: unknown): boolean {
  const sorted = (value: unknown): string[] =>
    (Array.isArray(value) ? value : [value]).map((entry) => JSON.stringify(entry)).sort()
  return isDeepStrictEqual(sorted(a), sorted(b))
}
