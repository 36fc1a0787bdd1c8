import { isDeepStrictEqual } from 'node:util'

/** A JSON Schema (draft 2020-12) as zod writes it; `true` and `false` only where it says so. */
export type JsonSchema = Readonly<Record<string, unknown>>

/**
 * Every keyword that decides which values are valid: those of JSON Schema, and those by which a channel shows what JSON
 * Schema has no words for. Any other is an annotation or a user's own metadata, and says nothing about validity; a
 * channel whose metadata is called like one of these is refused where it is declared. `default` is looked at apart.
 */
const DECIDING: ReadonlySet<string> = new Set(
  `$ref $dynamicRef type enum const multipleOf maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength
  pattern maxItems minItems uniqueItems maxContains minContains maxProperties minProperties required dependentRequired
  prefixItems items contains additionalProperties properties patternProperties dependentSchemas propertyNames if then
  else allOf anyOf oneOf not unevaluatedItems unevaluatedProperties format contentEncoding contentMediaType
  contentSchema x-url-protocol x-url-hostname x-jwt-alg x-pattern-flags x-unseen-rules`.split(/\s+/),
)

/** The keywords of a node that decide which values are valid. */
export function validatingKeywords(node: JsonSchema): readonly string[] {
  return Object.keys(node).filter((keyword) => DECIDING.has(keyword))
}

/** A schema in place of `true`, `false` or nothing: nothing said is anything allowed. */
export function asSchema(value: unknown): JsonSchema {
  if (value === false) return { not: {} }
  return typeof value === 'object' && value !== null ? (value as JsonSchema) : {}
}

/** Every value is valid. */
export function isAnything(node: JsonSchema): boolean {
  return validatingKeywords(node).length === 0
}

/** No value is valid, as of `z.never()`. */
export function isNothing(node: JsonSchema): boolean {
  return node['not'] !== undefined && isAnything(asSchema(node['not']))
}

/** How two values of a keyword are said in one. */
const IN_ONE: Readonly<Record<string, (a: number, b: number) => number>> = {
  minLength: Math.max,
  minItems: Math.max,
  minimum: Math.max,
  exclusiveMinimum: Math.max,
  maxLength: Math.min,
  maxItems: Math.min,
  maximum: Math.min,
  exclusiveMaximum: Math.min,
}

/** One node for two that both hold; what the second says to people is laid over the first. */
function bothHold(one: JsonSchema, other: JsonSchema): JsonSchema {
  const merged: Record<string, unknown> = { ...one, ...other }
  for (const keyword of validatingKeywords(one)) {
    const [a, b] = [one[keyword], other[keyword]]
    if (b === undefined || isDeepStrictEqual(a, b) || IN_PARTS.has(keyword)) continue
    const inOne = IN_ONE[keyword]
    if (inOne && typeof a === 'number' && typeof b === 'number') merged[keyword] = inOne(a, b)
    // A whole number is a number.
    else if (keyword === 'type' && isDeepStrictEqual(new Set([a, b]), WHOLE_OR_NOT)) merged['type'] = 'integer'
    else return { allOf: [one, other] }
  }
  for (const keyword of IN_PARTS) delete merged[keyword]
  const [only, ...more] = [...partsOf(one), ...partsOf(other)]
  if (only && more.length === 0) return { ...merged, ...only }
  return only ? { ...merged, allOf: [only, ...more] } : merged
}

const WHOLE_OR_NOT: ReadonlySet<unknown> = new Set(['integer', 'number'])
const IN_PARTS: ReadonlySet<string> = new Set(['pattern', 'x-pattern-flags', 'allOf'])

/** What a node says in parts that all hold: a pattern with its flags, and what stands in `allOf`. */
export function partsOf(node: JsonSchema): readonly JsonSchema[] {
  const { pattern, 'x-pattern-flags': flags, allOf = [] } = node
  const own = flags === undefined ? { pattern } : { pattern, 'x-pattern-flags': flags }
  const parts = [...(pattern === undefined ? [] : [own]), ...(allOf as readonly JsonSchema[])]
  // Of the same part one is enough.
  return parts.filter((part, index) => parts.findIndex((other) => isDeepStrictEqual(part, other)) === index)
}

const OF_CLOSED: ReadonlySet<string> = new Set(['type', 'properties', 'required'])

function isClosedObject(node: JsonSchema): boolean {
  return node['type'] === 'object' && validatingKeywords(node).every((keyword) => OF_CLOSED.has(keyword))
}

/** A document with its root, so that references can be followed. */
export class SchemaDocument {
  readonly root: JsonSchema

  constructor(root: JsonSchema) {
    this.root = root
  }

  /**
   * The node with its reference followed. What stands beside the reference holds as well; where it cannot be said in one
   * node, both stand in `allOf`.
   */
  resolve(node: JsonSchema, seen: ReadonlySet<unknown> = new Set()): JsonSchema {
    if (typeof node['$ref'] !== 'string') return this.#folded(node, seen)
    const { $ref, ...beside } = node as { $ref: string } & JsonSchema
    // A reference to itself says nothing that could be judged.
    const target = seen.has($ref) ? undefined : this.#find($ref)
    if (target === undefined) return node
    const resolved = this.resolve(target, new Set([...seen, $ref]))
    return Object.keys(beside).length === 0 ? resolved : bothHold(resolved, beside)
  }

  /**
   * The object behind a reference, the node itself where it is none or says more than the reference: the same for each
   * look at the same place.
   */
  identity(node: JsonSchema): JsonSchema {
    if (typeof node['$ref'] !== 'string' || validatingKeywords(node).length > 1) return node
    return this.#find(node['$ref']) ?? node
  }

  /** Objects that all hold are one object, where no two of them have a field of one name. */
  #folded(node: JsonSchema, seen: ReadonlySet<unknown>): JsonSchema {
    const { allOf, ...rest } = node
    if (!Array.isArray(allOf) || validatingKeywords(rest).length > 0) return node
    const parts = allOf.map((part) => this.resolve(asSchema(part), seen))
    const fields = parts.map(({ properties }) => asSchema(properties))
    const names = fields.flatMap((own) => Object.keys(own))
    if (!parts.every(isClosedObject) || new Set(names).size < names.length) return node
    const required = parts.flatMap((part) => (part['required'] ?? []) as readonly string[])
    return {
      ...rest,
      type: 'object',
      properties: Object.assign({}, ...fields),
      ...(required.length > 0 ? { required } : {}),
    }
  }

  #find(reference: string): JsonSchema | undefined {
    if (!reference.startsWith('#')) return undefined
    let found: unknown = this.root
    for (const token of reference.slice(1).split('/').slice(1)) {
      if (typeof found !== 'object' || found === null) return undefined
      found = (found as JsonSchema)[decodeURIComponent(token).replaceAll('~1', '/').replaceAll('~0', '~')]
    }
    return typeof found === 'object' && found !== null ? (found as JsonSchema) : undefined
  }
}
