/** A JSON Schema (draft 2020-12) as zod writes it; `true` and `false` only where it says so. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** Keywords that say something to people and nothing about which messages are valid. `default` is looked at apart. */
const ANNOTATIONS = new Set([
  '$schema',
  '$id',
  'id',
  '$comment',
  'title',
  'description',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
  'default',
])
/** Where definitions stand; they count where they are referred to. */
const DEFINITIONS = new Set(['$defs', 'definitions'])

/** The keywords of a node that decide which values are valid. One that nobody knows counts, unless it begins with `x-`. */
export function validatingKeywords(node: JsonSchema): readonly string[] {
  return Object.keys(node).filter(
    (keyword) => !ANNOTATIONS.has(keyword) && !DEFINITIONS.has(keyword) && !keyword.startsWith('x-'),
  )
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

/** A document with its root, so that references can be followed. */
export class SchemaDocument {
  readonly root: JsonSchema

  constructor(root: JsonSchema) {
    this.root = root
  }

  /**
   * The node with its reference followed. What stands beside the reference is laid over it, or where both say something
   * about validity kept apart in `allOf`, so that nothing is lost.
   */
  resolve(node: JsonSchema): JsonSchema {
    const seen = new Set<unknown>()
    let resolved = node
    while (typeof resolved['$ref'] === 'string') {
      const { $ref, ...beside } = resolved as { $ref: string } & JsonSchema
      // A reference to itself says nothing that could be judged.
      if (seen.has($ref)) return { $ref }
      seen.add($ref)
      const target = this.#find($ref)
      if (target === undefined) return { $ref }
      resolved = validatingKeywords(beside).length === 0 ? { ...target, ...beside } : { allOf: [target, beside] }
    }
    return resolved
  }

  /** The object behind a reference, the node itself where it is none: the same for each look at the same place. */
  identity(node: JsonSchema): JsonSchema {
    return (typeof node['$ref'] === 'string' ? this.#find(node['$ref']) : undefined) ?? node
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
