import type { Comparison } from './comparison.ts'
import { describeType } from './describe-type.ts'
import { BREAKS_ALL, ChangeKind, NARROWS, WIDENS } from './difference.ts'
import type { JsonSchema } from './json-schema.ts'
import { sameSchema } from './same-schema.ts'

export function memberRemoved(comparison: Comparison, member: JsonSchema, path: string): void {
  comparison.report(path, ChangeKind.UnionMemberRemoved, describeType(member), undefined, NARROWS)
}

export function memberAdded(comparison: Comparison, member: JsonSchema, path: string): void {
  comparison.report(path, ChangeKind.UnionMemberAdded, undefined, describeType(member), WIDENS)
}

/** Reports that the members changed in a way that cannot be judged, unless they are the same. */
export function unionChanged(
  comparison: Comparison,
  before: readonly JsonSchema[],
  after: readonly JsonSchema[],
  path: string,
): void {
  if (!sameSchema(comparison, { anyOf: before }, { anyOf: after }))
    comparison.report(path, ChangeKind.UnionChanged, before, after, BREAKS_ALL)
}
