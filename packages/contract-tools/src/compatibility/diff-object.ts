import type { Comparison, DiffNode } from './comparison.ts'
import { describeType } from './describe-type.ts'
import { BREAKS_NOBODY, ChangeKind, NARROWS, Party, WIDENS } from './difference.ts'
import { asSchema, isAnything, type JsonSchema, validatingKeywords } from './json-schema.ts'

/** An object's fields by name, which of them must be there, and what else may be. */
interface Fields {
  readonly named: Readonly<Record<string, JsonSchema>>
  readonly required: ReadonlySet<string>
  /** Of fields that have no name here; undefined where a publisher may send none and a consumer passes over them. */
  readonly others: JsonSchema | undefined
  /** What their names must be; undefined where anything goes. */
  readonly names: JsonSchema | undefined
}

/** Objects, records, and what is both. */
export function diffObject(
  comparison: Comparison,
  before: JsonSchema,
  after: JsonSchema,
  path: string,
  diffNode: DiffNode,
): void {
  const old = fieldsOf(before)
  const fresh = fieldsOf(after)
  for (const name of new Set([...Object.keys(old.named), ...Object.keys(fresh.named)])) {
    const at = pathOf(path, name)
    const was = Object.hasOwn(old.named, name) ? old.named[name] : undefined
    const is = Object.hasOwn(fresh.named, name) ? fresh.named[name] : undefined
    if (was && is) diffNode(comparison, was, is, at)
    else if (was) fieldRemoved(comparison, old, fresh, name, at, diffNode)
    else fieldAdded(comparison, old, fresh, name, at, diffNode)
  }
  diffRequired(comparison, old, fresh, path)
  diffOthers(comparison, old, fresh, path, diffNode)
}

function fieldsOf(node: JsonSchema): Fields {
  const { additionalProperties: others, propertyNames } = node
  const names = propertyNames === undefined ? undefined : asSchema(propertyNames)
  // A name is a string anyway.
  const anyName = names === undefined || validatingKeywords(names).every((keyword) => keyword === 'type')
  return {
    named: (node['properties'] ?? {}) as Readonly<Record<string, JsonSchema>>,
    required: new Set((node['required'] ?? []) as readonly string[]),
    others: others === undefined ? undefined : asSchema(others),
    names: anyName ? undefined : names,
  }
}

/**
 * A consumer passes over a field that is gone; a publisher that still sends it is refused. Where other fields are
 * allowed, the field is one of those from now on.
 */
function fieldRemoved(
  comparison: Comparison,
  old: Fields,
  fresh: Fields,
  name: string,
  at: string,
  diffNode: DiffNode,
): void {
  const was = asSchema(old.named[name])
  const breaks = [
    ...(old.required.has(name) && !fresh.required.has(name) ? [Party.OldConsumer] : []),
    // What may be left out may be undefined too, which only a field with a name or one of any kind may.
    ...(fresh.others && (old.required.has(name) || isAnything(fresh.others)) ? [] : [Party.Producer]),
  ]
  comparison.report(at, ChangeKind.FieldRemoved, describeType(comparison.before.resolve(was)), undefined, breaks)
  if (fresh.others) diffNode(comparison, was, fresh.others, at)
}

/** A message of the old contract has no such field, unless that contract allowed fields that it did not name. */
function fieldAdded(
  comparison: Comparison,
  old: Fields,
  fresh: Fields,
  name: string,
  at: string,
  diffNode: DiffNode,
): void {
  const is = asSchema(fresh.named[name])
  const shown = describeType(comparison.after.resolve(is))
  if (fresh.required.has(name) && !old.required.has(name)) {
    comparison.report(at, ChangeKind.FieldAddedRequired, undefined, shown, NARROWS)
  } else comparison.report(at, ChangeKind.FieldAddedOptional, undefined, shown, BREAKS_NOBODY)
  if (old.others) diffNode(comparison, old.others, is, at)
}

function diffRequired(comparison: Comparison, old: Fields, fresh: Fields, path: string): void {
  const isNamed = (fields: Fields, name: string): boolean => Object.hasOwn(fields.named, name)
  for (const name of fresh.required) {
    const isNew = isNamed(fresh, name) && !isNamed(old, name)
    // A field with a default is required from here on too: the stream may hold messages from before it had one.
    if (!old.required.has(name) && !isNew) {
      comparison.report(pathOf(path, name), ChangeKind.FieldBecameRequired, 'optional', 'required', NARROWS)
    }
  }
  for (const name of old.required) {
    const isGone = isNamed(old, name) && !isNamed(fresh, name)
    if (fresh.required.has(name) || isGone) continue
    // A publisher fills in the default, so a consumer with the old contract always finds the field.
    const filledIn = isNamed(fresh, name) && isFilledIn(comparison.after.resolve(asSchema(fresh.named[name])))
    const breaks = filledIn ? BREAKS_NOBODY : WIDENS
    comparison.report(pathOf(path, name), ChangeKind.FieldBecameOptional, 'required', 'optional', breaks)
  }
}

function isFilledIn(field: JsonSchema): boolean {
  return field['default'] !== undefined || field['x-default-computed'] === true
}

function diffOthers(comparison: Comparison, old: Fields, fresh: Fields, path: string, diffNode: DiffNode): void {
  const at = `${path}/{}`
  if (old.others && fresh.others) diffNode(comparison, old.others, fresh.others, at)
  else if (old.others) {
    comparison.report(at, ChangeKind.UnknownFieldsRefused, describeType(old.others), undefined, [Party.Producer])
  } else if (fresh.others) {
    comparison.report(at, ChangeKind.UnknownFieldsAllowed, undefined, describeType(fresh.others), BREAKS_NOBODY)
  }
  const names = `${path}/{name}`
  if (old.names && fresh.names) diffNode(comparison, old.names, fresh.names, names)
  else if (fresh.names) {
    comparison.report(names, ChangeKind.TypeNarrowed, 'any name', fresh.names, NARROWS)
  } else if (old.names) {
    comparison.report(names, ChangeKind.TypeWidened, old.names, 'any name', WIDENS)
  }
}

/** A JSON pointer escapes `~` and `/` (RFC 6901). */
function pathOf(path: string, name: string): string {
  return `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
}
