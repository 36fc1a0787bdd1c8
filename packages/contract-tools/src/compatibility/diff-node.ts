import { isDeepStrictEqual } from 'node:util'
import { type Alternatives, alternativesOf, baseType } from './alternatives.ts'
import type { Comparison } from './comparison.ts'
import { describeType } from './describe-type.ts'
import { diffArray } from './diff-array.ts'
import { diffGroup, EMPTY_GROUP, isToldApart } from './diff-group.ts'
import { diffNumber } from './diff-number.ts'
import { diffObject } from './diff-object.ts'
import { diffString } from './diff-string.ts'
import { BREAKS_ALL, BREAKS_NOBODY, ChangeKind, NARROWS, WIDENS } from './difference.ts'
import { isAnything, isNothing, type JsonSchema, validatingKeywords } from './json-schema.ts'
import { sameSchema } from './same-schema.ts'

/** The keywords that are compared, for each type; any other has to be the same on both sides. */
const COMPARED: Readonly<Record<string, readonly string[]>> = {
  string: [
    'minLength',
    'maxLength',
    'pattern',
    'x-pattern-flags',
    'format',
    'contentEncoding',
    'contentMediaType',
    'x-url-protocol',
    'x-url-hostname',
    'x-jwt-alg',
    'allOf',
  ],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems', 'uniqueItems'],
  object: ['properties', 'required', 'additionalProperties', 'propertyNames'],
  boolean: [],
  null: [],
}

/** Compares what two nodes allow, and reports into the comparison. */
export function diffNode(comparison: Comparison, before: JsonSchema, after: JsonSchema, path: string): void {
  if (!comparison.isFirstMeeting(before, after)) return
  const one = withoutUnseen(comparison.before.resolve(before))
  const other = withoutUnseen(comparison.after.resolve(after))
  diffDefault(comparison, one.node, other.node, path)
  diffUnseen(comparison, one.rules, other.rules, path)
  diffShown(comparison, one.node, other.node, path)
}

function diffShown(comparison: Comparison, before: JsonSchema, after: JsonSchema, path: string): void {
  if (isAnything(before) || isAnything(after) || isNothing(before) || isNothing(after)) {
    diffExtremes(comparison, before, after, path)
    return
  }
  const old = alternativesOf(comparison.before, before)
  const fresh = alternativesOf(comparison.after, after)
  if (!old || !fresh) {
    if (!sameSchema(comparison, before, after)) comparison.reportUnjudged(path, before, after)
  } else if (
    (old.exclusive && !isToldApart(comparison.before, old)) ||
    (fresh.exclusive && !isToldApart(comparison.after, fresh))
  ) {
    // Exactly one may match: with members that may overlap, one more or a wider one makes valid messages invalid.
    if (!sameSchema(comparison, before, after))
      comparison.report(path, ChangeKind.UnionChanged, describeType(before), describeType(after), BREAKS_ALL)
  } else diffAlternatives(comparison, old, fresh, path)
}

function diffAlternatives(comparison: Comparison, old: Alternatives, fresh: Alternatives, path: string): void {
  const typesOf = ({ groups }: Alternatives): readonly string[] => [...groups.keys()].filter((type) => type !== 'null')
  const [types, newTypes] = [typesOf(old), typesOf(fresh)]
  if (types.length === 1 && newTypes.length === 1 && types[0] !== newTypes[0]) {
    comparison.report(path, ChangeKind.TypeChanged, types[0], newTypes[0], BREAKS_ALL)
    return
  }
  for (const type of new Set([...old.groups.keys(), ...fresh.groups.keys()])) {
    diffGroup(comparison, old.groups.get(type) ?? EMPTY_GROUP, fresh.groups.get(type) ?? EMPTY_GROUP, path, diffTyped)
  }
}

/** A rule that nothing shows may be another one under the same count; only where nothing is promised there are any. */
function diffUnseen(comparison: Comparison, before: number, after: number, path: string): void {
  if (before === after) return
  const shown = (rules: number): unknown => (rules === 0 ? undefined : `${rules} that no schema shows`)
  const [kind, breaks] =
    before === 0
      ? ([ChangeKind.RuleAdded, NARROWS] as const)
      : after === 0
        ? ([ChangeKind.RuleRemoved, WIDENS] as const)
        : ([ChangeKind.Unjudged, BREAKS_ALL] as const)
  comparison.report(path, kind, shown(before), shown(after), breaks)
}

function withoutUnseen(node: JsonSchema): { readonly node: JsonSchema; readonly rules: number } {
  if (node['x-unseen-rules'] === undefined) return { node, rules: 0 }
  const { 'x-unseen-rules': rules, ...rest } = node
  return { node: rest, rules: Number(rules) }
}

/** Validity does not hang on a default: whether a field may be left out is told by `required`. */
function diffDefault(comparison: Comparison, before: JsonSchema, after: JsonSchema, path: string): void {
  const [old, fresh] = [defaultOf(before), defaultOf(after)]
  if (isDeepStrictEqual(old, fresh)) return
  const kind =
    old === undefined
      ? ChangeKind.DefaultAdded
      : fresh === undefined
        ? ChangeKind.DefaultRemoved
        : ChangeKind.DefaultChanged
  comparison.report(path, kind, old, fresh, BREAKS_NOBODY)
}

function defaultOf(node: JsonSchema): unknown {
  return node['x-default-computed'] === true ? 'computed for each message' : node['default']
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

/** Compares two nodes that have the same type, each only one. */
function diffTyped(comparison: Comparison, before: JsonSchema, after: JsonSchema, path: string): void {
  const [one, other] = [withoutUnseen(before), withoutUnseen(after)]
  diffUnseen(comparison, one.rules, other.rules, path)
  if (one.node['type'] === 'integer' && other.node['type'] === 'number') {
    comparison.report(path, ChangeKind.TypeWidened, 'integer', 'number', WIDENS)
  } else if (one.node['type'] === 'number' && other.node['type'] === 'integer') {
    comparison.report(path, ChangeKind.TypeNarrowed, 'number', 'integer', NARROWS)
  }
  const type = baseType(String(one.node['type']))
  const compared = new Set(['type', ...(COMPARED[type] ?? [])])
  const rest = (node: JsonSchema): JsonSchema =>
    Object.fromEntries(validatingKeywords(node).flatMap((key) => (compared.has(key) ? [] : [[key, node[key]]])))
  if (!sameSchema(comparison, rest(one.node), rest(other.node)))
    comparison.reportUnjudged(path, rest(one.node), rest(other.node))
  if (type === 'string') diffString(comparison, one.node, other.node, path)
  else if (type === 'number') diffNumber(comparison, one.node, other.node, path)
  else if (type === 'array') diffArray(comparison, one.node, other.node, path, diffNode)
  else if (type === 'object') diffObject(comparison, one.node, other.node, path, diffNode)
}
