import { Comparison, type DiffNode } from './comparison.ts'
import { ChangeKind, NARROWS, WIDENS } from './difference.ts'
import { asSchema, type JsonSchema } from './json-schema.ts'
import { memberAdded, memberRemoved, unionChanged } from './member-changes.ts'
import { sameSchema } from './same-schema.ts'
import { requiresMore, restricted, tagFields, tagsOf } from './variants.ts'

type Members = readonly JsonSchema[]

/**
 * Compares objects that are told apart by fields with listed values, each value on its own: what a message says there
 * decides which members it can be. False where no field does that.
 */
export function diffVariants(
  comparison: Comparison,
  before: Members,
  after: Members,
  path: string,
  diffTyped: DiffNode,
  spent: ReadonlySet<string> = new Set(),
): boolean {
  const newFields = new Set(tagFields(comparison.after, after))
  const field = tagFields(comparison.before, before).find((name) => newFields.has(name) && !spent.has(name))
  if (field === undefined) return false
  const parts = shared(comparison, before, after, field)
  const kept = new Set(parts.filter(({ old, fresh }) => old.length > 0 && fresh.length > 0).flatMap(bothOf))
  for (const { tags, old, fresh } of parts) {
    const at = `${path}[${field}=${tags.join('|')}]`
    const [one, other] = [old, fresh].map((members) => members.map((member) => restricted(member, field, tags)))
    const [only, newOnly] = [one?.[0], other?.[0]]
    if (!one || !other || !only || !newOnly) {
      // A member that is there before and after has another value; any other came or went.
      const isKept = bothOf({ old, fresh }).some((member) => kept.has(member))
      if (isKept) tagChanged(comparison, tags, fresh.length > 0, `${at}/${field}`)
      else for (const member of old) memberRemoved(comparison, member, at)
      if (!isKept) for (const member of fresh) memberAdded(comparison, member, at)
    } else if (one.length === 1 && other.length === 1) diffTyped(comparison, only, newOnly, at)
    else if (!diffVariants(comparison, one, other, at, diffTyped, new Set([...spent, field])))
      diffMembers(comparison, one, other, at, diffTyped)
  }
  return true
}

function tagChanged(comparison: Comparison, tags: readonly string[], isNew: boolean, path: string): void {
  for (const tag of tags) {
    const value: unknown = JSON.parse(tag)
    if (isNew) comparison.report(path, ChangeKind.EnumValueAdded, undefined, value, WIDENS)
    else comparison.report(path, ChangeKind.EnumValueRemoved, value, undefined, NARROWS)
  }
}

interface Shared {
  readonly tags: string[]
  readonly old: Members
  readonly fresh: Members
}

/** The values of the tag, those together that the same members have. */
function shared(comparison: Comparison, before: Members, after: Members, field: string): readonly Shared[] {
  const tagged = (members: Members, tags: (member: JsonSchema) => readonly string[] | undefined) =>
    members.map((member) => ({ member, tags: tags(member) ?? [] }))
  const old = tagged(before, (member) => tagsOf(comparison.before, member, field))
  const fresh = tagged(after, (member) => tagsOf(comparison.after, member, field))
  const found: Shared[] = []
  for (const tag of new Set([...old, ...fresh].flatMap(({ tags }) => tags))) {
    const withTag = (members: typeof old): Members =>
      members.filter(({ tags }) => tags.includes(tag)).map(({ member }) => member)
    const [own, newOwn] = [withTag(old), withTag(fresh)]
    const known = found.find((one) => isSameList(one.old, own) && isSameList(one.fresh, newOwn))
    if (known) known.tags.push(tag)
    else found.push({ tags: [tag], old: own, fresh: newOwn })
  }
  return found
}

function bothOf({ old, fresh }: Pick<Shared, 'old' | 'fresh'>): Members {
  return [...old, ...fresh]
}

function isSameList(one: Members, other: Members): boolean {
  return one.length === other.length && one.every((member, index) => member === other[index])
}

/**
 * Compares members that no listed value tells apart. A message goes to the first that it fits, which drops the fields
 * that it does not know, so the order counts, and members may come or go at the end only.
 */
export function diffMembers(
  comparison: Comparison,
  before: Members,
  after: Members,
  path: string,
  diffTyped: DiffNode,
): void {
  const common = Math.min(before.length, after.length)
  const pairs = before.slice(0, common).map((old, index) => [old, after[index] as JsonSchema] as const)
  const keys = keysApart(before, after)
  if (keys) pairs.forEach(([old, fresh], index) => diffTyped(comparison, old, fresh, `${path}[with ${keys[index]}]`))
  else if (pairs.some(([old, fresh]) => !sameSchema(comparison, old, fresh))) {
    const added = onlyNewFields(comparison, pairs, path, diffTyped)
    if (!added || before.length !== after.length) return unionChanged(comparison, before, after, path)
    comparison.differences.push(...added)
  }
  for (const member of before.slice(common)) memberRemoved(comparison, member, path)
  for (const member of after.slice(common)) memberAdded(comparison, member, path)
}

/**
 * Of each place in the order a field that only its own members, old and new, require and have: no message that was let
 * through fits a member at another place. Undefined where there is no such field of each.
 */
function keysApart(before: Members, after: Members): readonly string[] | undefined {
  const places = Array.from({ length: Math.max(before.length, after.length) }, (_, index) =>
    [before[index], after[index]].filter((member) => member !== undefined),
  )
  const keys = places.map((own, index) =>
    own.flatMap((one) =>
      places.flatMap((others, other) => (other === index ? [] : others.map((two) => requiresMore(one, two)))),
    ),
  )
  if (keys.flat().some((key) => key === undefined)) return undefined
  return keys.map((own) => [...new Set(own)].join(', '))
}

/**
 * What differs where members got fields that may be left out and that no other member has; undefined where more differs.
 * Each is then valid for no message that the others took, and takes the messages that it took.
 */
function onlyNewFields(
  comparison: Comparison,
  pairs: readonly (readonly [JsonSchema, JsonSchema])[],
  path: string,
  diffTyped: DiffNode,
): Comparison['differences'] | undefined {
  const found = pairs.flatMap(([old, fresh], index) => {
    const apart = new Comparison(comparison.before.root, comparison.after.root)
    diffTyped(apart, old, fresh, `${path}[${index}]`)
    return apart.differences
  })
  const isNewField = found.every(({ kind, breaks }) => kind === ChangeKind.FieldAddedOptional && breaks.length === 0)
  const isClosed = pairs
    .flat()
    .every((member) => member['type'] === 'object' && member['additionalProperties'] === undefined)
  const isOfOne = pairs.every(([old, fresh], index) =>
    Object.keys(asSchema(fresh['properties']))
      .filter((field) => !Object.hasOwn(asSchema(old['properties']), field))
      .every((field) =>
        pairs.every(
          (pair, other) => other === index || pair.every((two) => !Object.hasOwn(asSchema(two['properties']), field)),
        ),
      ),
  )
  // Within its own fields nothing may have changed: a message of another member might have what is new there.
  const isAtTheTop = found.every(({ path: at }) => at.slice(path.length).split('/').length === 2)
  return isNewField && isClosed && isOfOne && isAtTheTop ? found : undefined
}
