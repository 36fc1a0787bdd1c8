import { z } from 'zod'
import { faultsOf } from './comparable-kinds.ts'
import { ContractError } from './contract-error.ts'
import { pointerToken } from './message-issue.ts'
import { type Definition, definitionOf, type Position } from './schema-definition.ts'
import { type Fault, impossible } from './schema-fault.ts'

/**
 * Refuses a schema of which a part is not on the list of what can be compared, since a release could not be compared with
 * the last one, and what lets a publisher send something that a consumer then refuses.
 *
 * @param of what the schema belongs to, for the error: `channel "alarm-to-bot"`.
 * @throws ContractError naming it, the place, and a way to write it.
 */
export function assertComparable(of: string, schema: z.core.$ZodType, allowUnseenRules: boolean): void {
  walk({ schema, path: '', position: 'root' }, new Map(), ({ what, instead, isUnseenRule }, path) => {
    if (isUnseenRule && allowUnseenRules) return
    throw new ContractError(`${of}: ${path || '/'}: ${what}; ${instead}`)
  })
}

interface Node {
  readonly schema: z.core.$ZodType
  /** A JSON pointer, with `[]` for any item of a list, `{}` for any field of a record and `{name}` for its name. */
  readonly path: string
  readonly position: Position
}

function walk(
  node: Node,
  seen: Map<z.core.$ZodType, Set<Position>>,
  found: (fault: Fault, path: string) => void,
): void {
  const { schema, path, position } = node
  const known = seen.get(schema) ?? new Set()
  // What holds itself is being looked at already.
  if (known.has(position)) return
  seen.set(schema, known.add(position))
  // What a schema holds comes first: a default is tried on it.
  for (const child of childrenOf(node)) walk(child, seen, found)
  for (const fault of nodeFaults(schema, position)) found(fault, path)
}

/** What is wrong with the schema itself, with what is said about it, or with it at this place. */
export function nodeFaults(schema: z.core.$ZodType, position: Position): readonly Fault[] {
  return [...faultsOf(schema, position), ...(position === 'key' ? keyFaults(schema) : []), ...metadataFaults(schema)]
}

const NAMES: ReadonlySet<string> = new Set(['string', 'enum', 'literal', 'template_literal', 'union'])

/** Names of fields are strings. */
function keyFaults(schema: z.core.$ZodType): readonly Fault[] {
  const definition = definitionOf(schema)
  const values = definition['values'] ?? Object.values((definition['entries'] ?? {}) as object)
  const isText =
    NAMES.has(definition.type) && (values as readonly unknown[]).every((value) => typeof value === 'string')
  return isText
    ? []
    : [impossible('the names of fields are texts', 'use z.string() with a regex(), or z.enum() of strings')]
}

/** Words of JSON Schema that decide what is valid, and those by which the gate shows what JSON Schema does not. */
const DECIDING: ReadonlySet<string> = new Set(
  `$ref $dynamicRef $defs definitions type enum const multipleOf maximum exclusiveMaximum minimum exclusiveMinimum
  maxLength minLength pattern maxItems minItems uniqueItems maxContains minContains maxProperties minProperties required
  dependentRequired prefixItems items contains additionalProperties properties patternProperties dependentSchemas
  propertyNames if then else allOf anyOf oneOf not unevaluatedItems unevaluatedProperties format contentEncoding
  contentMediaType contentSchema x-url-protocol x-url-hostname x-jwt-alg x-pattern-flags x-unseen-rules`.split(/\s+/),
)

/** Metadata is laid over the schema as it is shown, and changes nothing of what zod lets through. */
function metadataFaults(schema: z.core.$ZodType): readonly Fault[] {
  return Object.keys(z.globalRegistry.get(schema) ?? {}).flatMap((name): readonly Fault[] => {
    if (name === 'default') return [impossible('metadata called "default" fills nothing in', 'use .default()')]
    if (!DECIDING.has(name)) return []
    return [
      impossible(`metadata called ${JSON.stringify(name)} says what the schema does not hold to`, 'write it in zod'),
    ]
  })
}

function childrenOf({ schema, path, position }: Node): readonly Node[] {
  const definition = definitionOf(schema)
  const at = (child: unknown, more: string, where: Position = 'other'): readonly Node[] =>
    child ? [{ schema: child as z.core.$ZodType, path: `${path}${more}`, position: where }] : []
  const list = (name: keyof Definition): readonly unknown[] => (definition[name] ?? []) as readonly unknown[]
  switch (definition.type) {
    case 'object':
      return [
        ...Object.entries(definition.shape ?? {}).flatMap(([name, field]) =>
          at(field, `/${pointerToken(name)}`, 'field'),
        ),
        ...at(definition['catchall'], '/{}'),
      ]
    case 'array':
      return at(definition['element'], '/[]', 'item')
    case 'tuple':
      return [
        ...list('items').flatMap((item, index) => at(item, `/${index}`, 'item')),
        ...at(definition['rest'], '/[]', 'item'),
      ]
    case 'record':
      return [...at(definition['keyType'], '/{name}', 'key'), ...at(definition['valueType'], '/{}')]
    case 'union':
      return list('options').flatMap((option) => at(option, '', position))
    case 'intersection':
      return [...at(definition['left'], ''), ...at(definition['right'], '')]
    case 'pipe':
      return [...at(definition['in'], ''), ...at(definition['out'], '')]
    case 'lazy':
      return at((definition['getter'] as () => unknown)(), '', position)
    default:
      return at(definition.innerType, '', position)
  }
}
