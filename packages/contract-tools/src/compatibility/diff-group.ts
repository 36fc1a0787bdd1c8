import type { Alternatives, TypeGroup } from './alternatives.ts'
import type { Comparison, DiffNode } from './comparison.ts'
import { describeType } from './describe-type.ts'
import { diffMembers, diffVariants } from './diff-members.ts'
import { fitsSchema } from './fits-schema.ts'
import { BREAKS_ALL, ChangeKind, NARROWS, WIDENS } from './difference.ts'
import type { JsonSchema, SchemaDocument } from './json-schema.ts'
import { memberAdded, memberRemoved } from './member-changes.ts'
import { sameSchema } from './same-schema.ts'
import { areToldApart } from './variants.ts'

export const EMPTY_GROUP: TypeGroup = { values: [], members: [] }

/** Whether no value can match two of the members, so that it does not count how many may. */
export function isToldApart(document: SchemaDocument, { groups }: Alternatives): boolean {
  return [...groups.values()].every(({ values, members }) => {
    const isOnce = new Set(values.map((value) => JSON.stringify(value))).size === values.length
    const parts = members.length + (values.length > 0 ? 1 : 0)
    return isOnce && (parts <= 1 || (values.length === 0 && areToldApart(document, members)))
  })
}

/** Compares what a value of one type may be. */
export function diffGroup(
  comparison: Comparison,
  before: TypeGroup,
  after: TypeGroup,
  path: string,
  diffTyped: DiffNode,
): void {
  diffValues(comparison, before, after, path)
  const [old, fresh] = [before.members, after.members]
  const [only, newOnly] = [old[0], fresh[0]]
  if (!only && !newOnly) return
  if (!only || !newOnly) {
    // A list of values that all fit became their type, or the other way around.
    const wasList = before.values.length > 0 && after.values.length === 0
    const isList = after.values.length > 0 && before.values.length === 0
    for (const member of fresh) {
      if (wasList) comparison.report(path, ChangeKind.TypeWidened, before.values, describeType(member), WIDENS)
      else memberAdded(comparison, member, path)
    }
    for (const member of old) {
      if (isList) comparison.report(path, ChangeKind.TypeNarrowed, describeType(member), after.values, NARROWS)
      else memberRemoved(comparison, member, path)
    }
  } else if (old.length === 1 && fresh.length === 1) diffTyped(comparison, only, newOnly, path)
  else if (only['type'] === 'object') {
    if (!diffVariants(comparison, old, fresh, path, diffTyped)) diffMembers(comparison, old, fresh, path, diffTyped)
  } else if (only['type'] === 'array') diffMembers(comparison, old, fresh, path, diffTyped)
  else diffAnyOrder(comparison, old, fresh, path)
}

/** A value counts as gone or new only where nothing else on that side lets it through. */
function diffValues(comparison: Comparison, before: TypeGroup, after: TypeGroup, path: string): void {
  const fits = (document: SchemaDocument, { values, members }: TypeGroup, value: unknown): boolean =>
    values.some((other) => JSON.stringify(other) === JSON.stringify(value)) ||
    members.some((member) => fitsSchema(document, member, value))
  const removed = before.values.filter((value) => !fits(comparison.after, after, value))
  const added = after.values.filter((value) => !fits(comparison.before, before, value))
  const isOneForOne = before.values.length === 1 && after.values.length === 1 && removed.length === 1
  if (isOneForOne && before.members.length + after.members.length === 0) {
    comparison.report(path, ChangeKind.ConstChanged, before.values[0], after.values[0], BREAKS_ALL)
    return
  }
  for (const value of new Set(removed)) {
    if (value === null) comparison.report(path, ChangeKind.NullRemoved, 'null', null, NARROWS)
    else comparison.report(path, ChangeKind.EnumValueRemoved, value, undefined, NARROWS)
  }
  for (const value of new Set(added)) {
    if (value === null) comparison.report(path, ChangeKind.NullAdded, null, 'null', WIDENS)
    else comparison.report(path, ChangeKind.EnumValueAdded, undefined, value, WIDENS)
  }
}

/** Texts and numbers have no fields that could be dropped, so their order does not count. */
function diffAnyOrder(
  comparison: Comparison,
  before: readonly JsonSchema[],
  after: readonly JsonSchema[],
  path: string,
): void {
  for (const member of before) {
    if (!after.some((kept) => sameSchema(comparison, member, kept))) memberRemoved(comparison, member, path)
  }
  for (const member of after) {
    if (!before.some((known) => sameSchema(comparison, known, member))) memberAdded(comparison, member, path)
  }
}
