import type { Comparison } from './comparison.ts'
import { finiteValues } from './diff-values.ts'
import { asSchema, type JsonSchema, type SchemaDocument } from './json-schema.ts'

/** The field that tells members apart, and the members by its values. */
export interface Discriminator {
  readonly field: string
  readonly before: ReadonlyMap<string, JsonSchema>
  readonly after: ReadonlyMap<string, JsonSchema>
}

/**
 * The field that each member on both sides requires, with values that no other member of its side has. Without one a
 * message may fit several members, and undefined is returned.
 */
export function discriminatorOf(
  comparison: Comparison,
  before: readonly JsonSchema[],
  after: readonly JsonSchema[],
): Discriminator | undefined {
  for (const field of Object.keys(asSchema(before[0]?.['properties']))) {
    const old = byValues(comparison.before, before, field)
    const fresh = byValues(comparison.after, after, field)
    if (old && fresh) return { field, before: old, after: fresh }
  }
  return undefined
}

function byValues(
  document: SchemaDocument,
  members: readonly JsonSchema[],
  field: string,
): ReadonlyMap<string, JsonSchema> | undefined {
  const taken = new Set<string>()
  const named = new Map<string, JsonSchema>()
  for (const member of members) {
    const properties = asSchema(member['properties'])
    const required = (member['required'] ?? []) as readonly string[]
    if (member['type'] !== 'object' || !Object.hasOwn(properties, field) || !required.includes(field)) return undefined
    const values = finiteValues(document, document.resolve(asSchema(properties[field])))
    if (!values) return undefined
    const texts = values.map((value) => JSON.stringify(value)).sort()
    if (texts.some((text) => taken.has(text))) return undefined
    for (const text of texts) taken.add(text)
    named.set(texts.join('|'), member)
  }
  return named
}
