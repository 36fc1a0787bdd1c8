import { asSchema, isNothing, type JsonSchema, type SchemaDocument, validatingKeywords } from './json-schema.ts'

/** A node's members of one type of JSON. */
export interface TypeGroup {
  /** Listed one by one, as an enum or a literal lists them. */
  readonly values: readonly unknown[]
  /** What is described in another way; of an object or a list in the order in which a message is tried on them. */
  readonly members: readonly JsonSchema[]
}

/** What a node may be, by type: no value has two of them, so each is compared on its own. */
export interface Alternatives {
  readonly groups: ReadonlyMap<string, TypeGroup>
  /** Exactly one member may match (`oneOf`), not one at least. */
  readonly exclusive: boolean
}

/** Which keywords speak of which type; any other speaks of all. */
const SPEAKS_OF: Readonly<Record<string, readonly string[]>> = {
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
  ],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems', 'uniqueItems'],
  object: ['properties', 'required', 'additionalProperties', 'propertyNames', 'patternProperties'],
}
const VALUES_ONLY: ReadonlySet<string> = new Set(['type', 'enum', 'const'])

/** The node's members, or undefined where it cannot be opened: no type, a union with something beside it, or one in itself. */
export function alternativesOf(document: SchemaDocument, node: JsonSchema): Alternatives | undefined {
  let exclusive = false
  const groups = new Map<string, { values: unknown[]; members: JsonSchema[] }>()
  const groupOf = (type: string) => {
    const group = groups.get(type) ?? { values: [], members: [] }
    groups.set(type, group)
    return group
  }
  const open = (closed: JsonSchema, within: ReadonlySet<JsonSchema>): boolean => {
    const one = document.resolve(closed)
    const identity = document.identity(closed)
    if (within.has(identity)) return false
    const union = one['anyOf'] ?? one['oneOf']
    if (Array.isArray(union)) {
      // What stands beside a union holds for each member; what that comes to cannot be decided here.
      if (validatingKeywords(one).length > 1) return false
      exclusive ||= one['oneOf'] !== undefined && union.length > 1
      const deeper = new Set([...within, identity])
      return union.every((member) => open(asSchema(member), deeper))
    }
    if (isNothing(one)) return true
    const values = listedValues(one)
    if (values) {
      for (const value of values) groupOf(typeOf(value)).values.push(value)
      return true
    }
    const { type } = one
    if (typeof type !== 'string' && !Array.isArray(type)) return false
    for (const each of [type].flat() as readonly string[]) {
      const member = Array.isArray(type) ? onlyFor(each, type as readonly string[], one) : one
      const isNull = each === 'null' && validatingKeywords(member).every((keyword) => keyword === 'type')
      const group = groupOf(baseType(each))
      if (isNull) group.values.push(null)
      else group.members.push(member)
    }
    return true
  }
  return open(node, new Set()) ? { groups, exclusive } : undefined
}

/** The values of an enum or a literal; undefined where it says more, or less. */
function listedValues(node: JsonSchema): readonly unknown[] | undefined {
  if (!validatingKeywords(node).every((keyword) => VALUES_ONLY.has(keyword))) return undefined
  if (node['const'] !== undefined) return [node['const']]
  return node['enum'] as readonly unknown[] | undefined
}

/** The values of an enum, a literal or a union of them; undefined where there is more than can be listed. */
export function finiteValues(document: SchemaDocument, node: JsonSchema): readonly unknown[] | undefined {
  const alternatives = alternativesOf(document, node)
  if (!alternatives || alternatives.exclusive) return undefined
  const groups = [...alternatives.groups.values()]
  return groups.every(({ members }) => members.length === 0) ? groups.flatMap(({ values }) => values) : undefined
}

/** Integers are numbers: the step between them is compared on its own. */
export function baseType(type: string): string {
  return type === 'integer' ? 'number' : type
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

/** The part of a node with several types that speaks of one of them. */
function onlyFor(type: string, types: readonly string[], node: JsonSchema): JsonSchema {
  const others = new Set(
    types.filter((name) => baseType(name) !== baseType(type)).flatMap((name) => SPEAKS_OF[baseType(name)] ?? []),
  )
  const kept = Object.entries(node).filter(
    ([keyword]) => !others.has(keyword) && keyword !== 'default' && (type !== 'null' || keyword === 'type'),
  )
  return { ...Object.fromEntries(kept), type }
}
