import { asSchema, type JsonSchema, type SchemaDocument, validatingKeywords } from './json-schema.ts'

/** What a node may be: one of several members, and perhaps null. */
export interface Alternatives {
  /** Each has one type, or is itself a union that could not be opened. */
  readonly members: readonly JsonSchema[]
  readonly nullable: boolean
  /** Exactly one member may match (`oneOf`), not one at least. */
  readonly exclusive: boolean
}

/** Which keywords speak of which type; any other speaks of all. */
const SPEAKS_OF: Readonly<Record<string, readonly string[]>> = {
  string: ['minLength', 'maxLength', 'pattern', 'format', 'contentEncoding', 'contentMediaType'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems', 'uniqueItems'],
  object: ['properties', 'required', 'additionalProperties', 'propertyNames', 'patternProperties'],
}

/** The node's members, or undefined where it cannot be opened: no type, or a union with something beside it. */
export function alternativesOf(document: SchemaDocument, node: JsonSchema): Alternatives | undefined {
  const members = membersOf(document, node)
  if (!members) return undefined
  const isNull = (member: JsonSchema): boolean =>
    member['type'] === 'null' && validatingKeywords(member).every((keyword) => keyword === 'type')
  return {
    members: members.filter((member) => !isNull(member)),
    nullable: members.some(isNull),
    exclusive: node['oneOf'] !== undefined && members.length > 1,
  }
}

function membersOf(document: SchemaDocument, node: JsonSchema): readonly JsonSchema[] | undefined {
  const union = node['anyOf'] ?? node['oneOf']
  if (Array.isArray(union)) {
    // What stands beside a union holds for each member; nobody here can say what that comes to.
    if (validatingKeywords(node).length > 1) return undefined
    return union.flatMap((entry) => {
      const member = document.resolve(asSchema(entry))
      const nested = Array.isArray(member['anyOf']) && node['anyOf'] !== undefined
      return nested || Array.isArray(member['type']) ? (membersOf(document, member) ?? [member]) : [member]
    })
  }
  const { type } = node
  if (typeof type === 'string') return [node]
  if (!Array.isArray(type)) return undefined
  return type.map((one: string) => onlyFor(one, type as readonly string[], node))
}

/** The part of a node with several types that speaks of one of them. */
function onlyFor(type: string, types: readonly string[], node: JsonSchema): JsonSchema {
  const base = (name: string): string => (name === 'integer' ? 'number' : name)
  const others = new Set(
    types.filter((name) => base(name) !== base(type)).flatMap((name) => SPEAKS_OF[base(name)] ?? []),
  )
  const kept = Object.entries(node).filter(
    ([keyword]) => !others.has(keyword) && keyword !== 'default' && (type !== 'null' || keyword === 'type'),
  )
  return { ...Object.fromEntries(kept), type }
}
