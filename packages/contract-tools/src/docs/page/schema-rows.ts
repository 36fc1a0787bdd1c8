import type { JsonObject } from '../json-schema.ts'

/** One field of a message. */
export interface SchemaRow {
  /** As `order.lines[].price`; empty for the message itself. */
  readonly path: string
  readonly type: string
  readonly required: boolean
  /** What else a value has to be, as `at most 9 characters`. */
  readonly rules: readonly string[]
  readonly description: string
}

/** Levels that are shown; a schema within itself has no end. */
const MAX_DEPTH = 12

/** Each rule by its keyword in JSON Schema. */
const RULES: Readonly<Record<string, (value: never) => string>> = {
  format: (value: string) => value,
  pattern: (value: string) => `matches ${value}`,
  minLength: (value: number) => `at least ${count(value, 'character')}`,
  maxLength: (value: number) => `at most ${count(value, 'character')}`,
  minimum: (value: number) => `≥ ${value}`,
  maximum: (value: number) => `≤ ${value}`,
  exclusiveMinimum: (value: number) => `> ${value}`,
  exclusiveMaximum: (value: number) => `< ${value}`,
  multipleOf: (value: number) => `a multiple of ${value}`,
  minItems: (value: number) => `at least ${count(value, 'item')}`,
  maxItems: (value: number) => `at most ${count(value, 'item')}`,
  default: (value: unknown) => `default ${JSON.stringify(value)}`,
}

/** The fields of a message, each before those within it. */
export function schemaRows(schema: JsonObject): readonly SchemaRow[] {
  return rowsOf({ root: schema, path: '', required: true, depth: 0 }, schema).filter(
    ({ path, type }) => path !== '' || type !== 'object',
  )
}

interface Place {
  readonly root: JsonObject
  readonly path: string
  readonly required: boolean
  readonly depth: number
}

function rowsOf(place: Place, given: JsonObject): readonly SchemaRow[] {
  const { root, path, required, depth } = place
  const schema = resolved(root, given)
  const alternatives = alternativesOf(schema)
  const options = alternatives.map((one) => resolved(root, one)).filter(({ type }) => type !== 'null')
  const isNullable = options.length < alternatives.length
  // `X or null` is X, with a word more.
  const only = options.length === 1 ? { ...schema, ...options[0] } : schema
  const row: SchemaRow = {
    path,
    required,
    type: options.length > 1 ? union(options, isNullable) : typeOf(only) + (isNullable ? ' or null' : ''),
    rules: rulesOf(only),
    description: String(schema['description'] ?? only['description'] ?? ''),
  }
  if (depth >= MAX_DEPTH) return [row]
  if (options.length > 1) return [row, ...options.flatMap((one, index) => variantRows(place, one, index))]
  return [row, ...fieldsOf(place, only)]
}

/** Of a union only what has fields needs rows of its own. */
function variantRows(place: Place, option: JsonObject, index: number): readonly SchemaRow[] {
  const within = fieldsOf(place, option)
  if (within.length === 0) return []
  const path = `${place.path === '' ? '' : `${place.path} `}(form ${index + 1})`
  const heading = {
    path,
    required: true,
    type: typeOf(option),
    rules: [],
    description: String(option['description'] ?? ''),
  }
  return [heading, ...within]
}

function fieldsOf({ root, path, depth }: Place, schema: JsonObject): readonly SchemaRow[] {
  const at = (name: string, required: boolean): Place => ({ root, path: name, required, depth: depth + 1 })
  const needed = new Set((schema['required'] ?? []) as readonly string[])
  const properties = Object.entries((schema['properties'] ?? {}) as Readonly<Record<string, JsonObject>>)
  const fields = properties.flatMap(([name, one]) =>
    rowsOf(at(path === '' ? name : `${path}.${name}`, needed.has(name)), one),
  )
  const items = schema['items'] as JsonObject | undefined
  const others = schema['additionalProperties']
  return [
    ...fields,
    ...(isObject(items) ? rowsOf(at(`${path}[]`, true), items) : []),
    ...(isObject(others) ? rowsOf(at(path === '' ? '{key}' : `${path}.{key}`, false), others) : []),
  ]
}

function resolved(root: JsonObject, schema: JsonObject): JsonObject {
  const { $ref, ...beside } = schema
  if (typeof $ref !== 'string') return schema
  const found = $ref
    .split('/')
    .slice(1)
    .reduce<unknown>(
      (node, name) => (node as JsonObject | undefined)?.[name.replaceAll('~1', '/').replaceAll('~0', '~')],
      root,
    )
  return { ...(isObject(found) ? found : {}), ...beside }
}

function alternativesOf(schema: JsonObject): readonly JsonObject[] {
  return (schema['anyOf'] ?? schema['oneOf'] ?? []) as readonly JsonObject[]
}

function union(options: readonly JsonObject[], isNullable: boolean): string {
  const types = [...new Set([...options.map(typeOf), ...(isNullable ? ['null'] : [])])]
  return types.length === 1 ? `${types[0]}, one of ${options.length} forms` : types.join(' or ')
}

function typeOf(schema: JsonObject): string {
  const { type, enum: values } = schema
  if ('const' in schema) return JSON.stringify(schema['const'])
  if (Array.isArray(values)) return values.map((value) => JSON.stringify(value)).join(' or ')
  if (type === 'array' && isObject(schema['items'])) return 'array'
  if (Array.isArray(type)) return type.join(' or ')
  return typeof type === 'string' ? type : 'any'
}

function rulesOf(schema: JsonObject): readonly string[] {
  return Object.entries(RULES).flatMap(([keyword, say]) =>
    keyword in schema && !isImplied(keyword, schema) ? [say(schema[keyword] as never)] : [],
  )
}

/** A format brings the pattern that it is checked with; whole numbers have bounds of their own. */
function isImplied(keyword: string, schema: JsonObject): boolean {
  if (keyword === 'pattern') return 'format' in schema
  return Math.abs(Number(schema[keyword])) === Number.MAX_SAFE_INTEGER
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function count(number: number, noun: string): string {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`
}
