import { finiteValues } from './alternatives.ts'
import { asSchema, type JsonSchema, type SchemaDocument } from './json-schema.ts'

/** The values of a field that a member requires and that can be listed, as JSON; undefined where there is no such field. */
export function tagsOf(document: SchemaDocument, member: JsonSchema, field: string): readonly string[] | undefined {
  const properties = asSchema(member['properties'])
  const required = (member['required'] ?? []) as readonly string[]
  if (member['type'] !== 'object' || !Object.hasOwn(properties, field) || !required.includes(field)) return undefined
  return finiteValues(document, asSchema(properties[field]))?.map((value) => JSON.stringify(value))
}

/** The names of fields that each member requires with values that can be listed. */
export function tagFields(document: SchemaDocument, members: readonly JsonSchema[]): readonly string[] {
  return Object.keys(asSchema(members[0]?.['properties'])).filter((field) =>
    members.every((member) => tagsOf(document, member, field) !== undefined),
  )
}

/** Whether of any two members one requires what the other does not allow: no object is both. */
export function areToldApart(document: SchemaDocument, members: readonly JsonSchema[]): boolean {
  const fields = (member: JsonSchema): readonly string[] => Object.keys(asSchema(member['properties']))
  return members.every((one, index) =>
    members.slice(index + 1).every((other) =>
      fields(one).some((field) => {
        const [tags, others] = [tagsOf(document, one, field), tagsOf(document, other, field)]
        return tags && others && !tags.some((tag) => others.includes(tag))
      }),
    ),
  )
}

/** A member with its tag narrowed to some of its values. */
export function restricted(member: JsonSchema, field: string, tags: readonly string[]): JsonSchema {
  const values = tags.map((tag): unknown => JSON.parse(tag))
  return { ...member, properties: { ...asSchema(member['properties']), [field]: { enum: values } } }
}

/** Whether one requires a field that the other does not have, nor lets through. */
export function requiresMore(one: JsonSchema, other: JsonSchema): string | undefined {
  if (one['type'] !== 'object' || other['type'] !== 'object' || other['additionalProperties'] !== undefined)
    return undefined
  const properties = asSchema(other['properties'])
  return ((one['required'] ?? []) as readonly string[]).find((field) => !Object.hasOwn(properties, field))
}
