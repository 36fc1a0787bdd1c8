import { z } from 'zod'
import type { Comparison } from './comparison.ts'
import { describeType } from './describe-type.ts'
import { BREAKS_ALL, ChangeKind, NARROWS, WIDENS } from './difference.ts'
import { asSchema, type JsonSchema, type SchemaDocument, validatingKeywords } from './json-schema.ts'

/** The values of an enum, a literal or a union of them; undefined where there is more than can be listed. */
export function finiteValues(document: SchemaDocument, node: JsonSchema): readonly unknown[] | undefined {
  const keywords = validatingKeywords(node).filter((keyword) => keyword !== 'type')
  if (keywords.length !== 1) return undefined
  if (keywords[0] === 'const') return [node['const']]
  if (keywords[0] === 'enum') return node['enum'] as readonly unknown[]
  if (keywords[0] !== 'anyOf') return undefined
  const members = (node['anyOf'] as readonly unknown[]).map((member) => {
    const resolved = document.resolve(asSchema(member))
    const isNull = resolved['type'] === 'null' && validatingKeywords(resolved).length === 1
    return isNull ? [null] : finiteValues(document, resolved)
  })
  return members.every((values) => values !== undefined) ? members.flat() : undefined
}

/** Compares two nodes of which one at least is a list of values. */
export function diffValues(
  comparison: Comparison,
  before: JsonSchema,
  after: JsonSchema,
  values: readonly unknown[] | undefined,
  newValues: readonly unknown[] | undefined,
  path: string,
): void {
  if (values && newValues) diffLists(comparison, values, newValues, path)
  else if (values) {
    const fits = values.every((value) => fitsSchema(comparison.after, after, value))
    const [kind, breaks] = fits
      ? ([ChangeKind.TypeWidened, WIDENS] as const)
      : ([ChangeKind.TypeChanged, BREAKS_ALL] as const)
    comparison.report(path, kind, values, describeType(after), breaks)
  } else if (newValues) {
    const fits = newValues.every((value) => fitsSchema(comparison.before, before, value))
    const [kind, breaks] = fits
      ? ([ChangeKind.TypeNarrowed, NARROWS] as const)
      : ([ChangeKind.TypeChanged, BREAKS_ALL] as const)
    comparison.report(path, kind, describeType(before), newValues, breaks)
  }
}

function diffLists(
  comparison: Comparison,
  values: readonly unknown[],
  newValues: readonly unknown[],
  path: string,
): void {
  const known = new Set(values.map((value) => JSON.stringify(value)))
  const kept = new Set(newValues.map((value) => JSON.stringify(value)))
  const removed = values.filter((value) => !kept.has(JSON.stringify(value)))
  const added = newValues.filter((value) => !known.has(JSON.stringify(value)))
  if (values.length === 1 && newValues.length === 1 && removed.length === 1) {
    comparison.report(path, ChangeKind.ConstChanged, values[0], newValues[0], BREAKS_ALL)
    return
  }
  for (const value of removed) {
    if (value === null) comparison.report(path, ChangeKind.NullRemoved, 'null', null, NARROWS)
    else comparison.report(path, ChangeKind.EnumValueRemoved, value, undefined, NARROWS)
  }
  for (const value of added) {
    if (value === null) comparison.report(path, ChangeKind.NullAdded, null, 'null', WIDENS)
    else comparison.report(path, ChangeKind.EnumValueAdded, undefined, value, WIDENS)
  }
}

/** Whether one value is certainly valid for a node. A format that stands alone means what only its author knows. */
function fitsSchema(document: SchemaDocument, node: JsonSchema, value: unknown): boolean {
  if (JSON.stringify(node).includes('"format"')) return false
  const { $defs } = document.root
  try {
    const schema = z.fromJSONSchema({ ...node, ...($defs === undefined ? {} : { $defs }) } as never)
    return schema.safeParse(value).success
  } catch {
    return false
  }
}
