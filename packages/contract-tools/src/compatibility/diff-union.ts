import type { Alternatives } from './alternatives.ts'
import type { Comparison, DiffNode } from './comparison.ts'
import { baseType, describeType } from './describe-type.ts'
import { BREAKS_ALL, ChangeKind, NARROWS, WIDENS } from './difference.ts'
import { discriminatorOf } from './discriminator.ts'
import type { JsonSchema } from './json-schema.ts'
import { sameSchema } from './same-schema.ts'

/** A member with the name that tells it from its neighbours: its discriminator's value, or its type. */
type Named = ReadonlyMap<string, JsonSchema>

/** Compares what a value may be one of. Members are told apart by a discriminator or by type, else by what they say. */
export function diffUnion(
  comparison: Comparison,
  before: Alternatives,
  after: Alternatives,
  path: string,
  diffTyped: DiffNode,
): void {
  const discriminator = discriminatorOf(comparison, before.members, after.members)
  if (discriminator) {
    diffNamed(
      comparison,
      discriminator.before,
      discriminator.after,
      diffTyped,
      (name) => `${path}[${discriminator.field}=${name}]`,
    )
    return
  }
  const types = byType(before.members)
  const newTypes = byType(after.members)
  if (types && newTypes) diffNamed(comparison, types, newTypes, diffTyped, () => path)
  // Exactly one may match: with members that may overlap, one more or a wider one makes valid messages invalid.
  else if (before.exclusive || after.exclusive) diffWhole(comparison, before, after, path)
  else if (isScalar(before.members) && isScalar(after.members))
    diffAnyOrder(comparison, before.members, after.members, path)
  else diffInOrder(comparison, before, after, path)
}

function diffNamed(
  comparison: Comparison,
  before: Named,
  after: Named,
  diffTyped: DiffNode,
  at: (name: string) => string,
): void {
  for (const [name, member] of before) {
    const kept = after.get(name)
    if (kept) diffTyped(comparison, member, kept, at(name))
    else memberRemoved(comparison, member, at(name))
  }
  for (const [name, member] of after) if (!before.has(name)) memberAdded(comparison, member, at(name))
}

/** The members by type, or undefined where two have the same or one has none. */
function byType(members: readonly JsonSchema[]): Named | undefined {
  const types = new Map(members.map((member) => [baseType(member), member]))
  const isTyped = members.every((member) => typeof member['type'] === 'string')
  return isTyped && types.size === members.length ? types : undefined
}

function isScalar(members: readonly JsonSchema[]): boolean {
  return members.every((member) => ['string', 'number', 'integer', 'boolean'].includes(String(member['type'])))
}

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

/**
 * A message goes to the first member that it fits, which drops the fields that it does not know. So the order counts,
 * and members may come or go at the end only.
 */
function diffInOrder(comparison: Comparison, before: Alternatives, after: Alternatives, path: string): void {
  const [old, fresh] = [before.members, after.members]
  const common = Math.min(old.length, fresh.length)
  for (let index = 0; index < common; index++) {
    if (!sameSchema(comparison, old[index], fresh[index])) return diffWhole(comparison, before, after, path)
  }
  for (const member of old.slice(common)) memberRemoved(comparison, member, path)
  for (const member of fresh.slice(common)) memberAdded(comparison, member, path)
}

function diffWhole(comparison: Comparison, before: Alternatives, after: Alternatives, path: string): void {
  const same =
    before.exclusive === after.exclusive && sameSchema(comparison, { anyOf: before.members }, { anyOf: after.members })
  if (!same) comparison.report(path, ChangeKind.UnionChanged, before.members, after.members, BREAKS_ALL)
}

function memberRemoved(comparison: Comparison, member: JsonSchema, path: string): void {
  comparison.report(path, ChangeKind.UnionMemberRemoved, describeType(member), undefined, NARROWS)
}

function memberAdded(comparison: Comparison, member: JsonSchema, path: string): void {
  comparison.report(path, ChangeKind.UnionMemberAdded, undefined, describeType(member), WIDENS)
}
