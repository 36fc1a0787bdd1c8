import { isDeepStrictEqual } from 'node:util'
import { alternativesOf } from './alternatives.ts'
import type { Comparison } from './comparison.ts'
import { baseType, describeType } from './describe-type.ts'
import { diffArray } from './diff-array.ts'
import { diffNumber } from './diff-number.ts'
import { diffObject } from './diff-object.ts'
import { diffString } from './diff-string.ts'
import { diffUnion } from './diff-union.ts'
import { diffValues, finiteValues } from './diff-values.ts'
import { BREAKS_ALL, BREAKS_NOBODY, ChangeKind, NARROWS, WIDENS } from './difference.ts'
import { isAnything, isNothing, type JsonSchema, validatingKeywords } from './json-schema.ts'
import { sameSchema } from './same-schema.ts'

/** The keywords that are compared, for each type; any other has to be the same on both sides. */
const COMPARED: Readonly<Record<string, readonly string[]>> = {
  string: ['minLength', 'maxLength', 'pattern', 'format', 'contentEncoding', 'contentMediaType', 'allOf'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems', 'uniqueItems'],
  object: ['properties', 'required', 'additionalProperties', 'propertyNames'],
  boolean: [],
  null: [],
}

/** Compares what two nodes allow, and reports into the comparison. */
export function diffNode(comparison: Comparison, before: JsonSchema, after: JsonSchema, path: string): void {
  if (!comparison.isFirstMeeting(before, after)) return
  const one = comparison.before.resolve(before)
  const other = comparison.after.resolve(after)
  diffDefault(comparison, one, other, path)
  if (isAnything(one) || isAnything(other) || isNothing(one) || isNothing(other)) {
    diffExtremes(comparison, one, other, path)
    return
  }
  const values = finiteValues(comparison.before, one)
  const newValues = finiteValues(comparison.after, other)
  if (values || newValues) {
    diffValues(comparison, one, other, values, newValues, path)
    return
  }
  const alternatives = alternativesOf(comparison.before, one)
  const newAlternatives = alternativesOf(comparison.after, other)
  if (!alternatives || !newAlternatives) {
    if (!sameSchema(comparison, before, after)) comparison.reportUnjudged(path, one, other)
    return
  }
  if (alternatives.nullable !== newAlternatives.nullable) {
    if (newAlternatives.nullable) comparison.report(path, ChangeKind.NullAdded, null, 'null', WIDENS)
    else comparison.report(path, ChangeKind.NullRemoved, 'null', null, NARROWS)
  }
  const [only, ...more] = alternatives.members
  const [newOnly, ...newMore] = newAlternatives.members
  if (only && newOnly && more.length + newMore.length === 0) diffTyped(comparison, only, newOnly, path)
  else diffUnion(comparison, alternatives, newAlternatives, path, diffTyped)
}

/** Validity does not hang on a default: whether a field may be left out is told by `required`. */
function diffDefault(comparison: Comparison, before: JsonSchema, after: JsonSchema, path: string): void {
  const had = Object.hasOwn(before, 'default')
  const has = Object.hasOwn(after, 'default')
  const [old, fresh] = [before['default'], after['default']]
  if (had && has) {
    if (!isDeepStrictEqual(old, fresh)) comparison.report(path, ChangeKind.DefaultChanged, old, fresh, BREAKS_NOBODY)
  } else if (had) comparison.report(path, ChangeKind.DefaultRemoved, old, undefined, BREAKS_NOBODY)
  else if (has) comparison.report(path, ChangeKind.DefaultAdded, undefined, fresh, BREAKS_NOBODY)
}

function diffExtremes(comparison: Comparison, before: JsonSchema, after: JsonSchema, path: string): void {
  const rank = (node: JsonSchema): number => (isNothing(node) ? 0 : isAnything(node) ? 2 : 1)
  if (rank(before) === rank(after)) return
  const [kind, breaks] =
    rank(before) < rank(after)
      ? ([ChangeKind.TypeWidened, WIDENS] as const)
      : ([ChangeKind.TypeNarrowed, NARROWS] as const)
  comparison.report(path, kind, describeType(before), describeType(after), breaks)
}

/** Compares two nodes that each have one type. */
function diffTyped(comparison: Comparison, before: JsonSchema, after: JsonSchema, path: string): void {
  const type = baseType(before)
  if (type !== baseType(after)) {
    comparison.report(path, ChangeKind.TypeChanged, describeType(before), describeType(after), BREAKS_ALL)
    return
  }
  if (before['type'] === 'integer' && after['type'] === 'number') {
    comparison.report(path, ChangeKind.TypeWidened, 'integer', 'number', WIDENS)
  } else if (before['type'] === 'number' && after['type'] === 'integer') {
    comparison.report(path, ChangeKind.TypeNarrowed, 'number', 'integer', NARROWS)
  }
  const compared = new Set(['type', ...(COMPARED[type] ?? [])])
  const rest = (node: JsonSchema): JsonSchema =>
    Object.fromEntries(validatingKeywords(node).flatMap((key) => (compared.has(key) ? [] : [[key, node[key]]])))
  if (!sameSchema(comparison, rest(before), rest(after))) comparison.reportUnjudged(path, rest(before), rest(after))
  if (type === 'string') diffString(comparison, before, after, path)
  else if (type === 'number') diffNumber(comparison, before, after, path)
  else if (type === 'array') diffArray(comparison, before, after, path, diffNode)
  else if (type === 'object') diffObject(comparison, before, after, path, diffNode)
}
