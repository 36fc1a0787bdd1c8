import type { JsonSchema } from '../../../src/api.ts'
import { isRecord } from '../api/client.ts'

/** One field of a schema, as a row of a table or a field of a form. */
export interface Field {
  /** JSON pointer from the message's root; `*` stands for every item of a list. */
  readonly pointer: string
  readonly name: string
  readonly depth: number
  readonly type: string
  readonly required: boolean
  readonly rules: readonly string[]
  readonly description: string
  readonly schema: JsonSchema
}

/** Bounds the rows of a schema that refers to itself. */
const DEEPEST = 6

export function fieldsOf(schema: JsonSchema): readonly Field[] {
  const rows: Field[] = []
  collect(schema, schema, '', 0, rows)
  return rows
}

function collect(root: JsonSchema, schema: JsonSchema, pointer: string, depth: number, rows: Field[]): void {
  if (depth > DEEPEST) return
  const resolved = resolve(root, schema)
  const required = new Set(Array.isArray(resolved['required']) ? resolved['required'] : [])
  for (const [name, value] of Object.entries(recordOf(resolved['properties']))) {
    if (!isRecord(value)) continue
    const own = resolve(root, value)
    const at = `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    rows.push({
      pointer: at,
      name,
      depth,
      type: typeOf(root, own),
      required: required.has(name),
      rules: rulesOf(own),
      description: typeof own['description'] === 'string' ? own['description'] : '',
      schema: own,
    })
    collect(root, own, at, depth + 1, rows)
    if (isRecord(own['items'])) collect(root, own['items'], `${at}/*`, depth + 1, rows)
  }
  for (const choice of choicesOf(resolved)) collect(root, choice, pointer, depth, rows)
}

export function choicesOf(schema: JsonSchema): readonly JsonSchema[] {
  const choices = schema['anyOf'] ?? schema['oneOf']
  return Array.isArray(choices) ? choices.filter(isRecord) : []
}

function resolve(root: JsonSchema, schema: JsonSchema): JsonSchema {
  const reference = schema['$ref']
  if (typeof reference !== 'string' || !reference.startsWith('#/')) return schema
  let at: unknown = root
  for (const step of reference.slice(2).split('/')) at = isRecord(at) ? at[step] : undefined
  return isRecord(at) ? at : schema
}

function typeOf(root: JsonSchema, schema: JsonSchema): string {
  if (Array.isArray(schema['enum'])) return schema['enum'].map((one) => JSON.stringify(one)).join(' | ')
  if ('const' in schema) return JSON.stringify(schema['const'])
  const choices = choicesOf(schema)
  if (choices.length > 0) return [...new Set(choices.map((one) => typeOf(root, resolve(root, one))))].join(' | ')
  if (schema['type'] === 'array') {
    return isRecord(schema['items']) ? `${typeOf(root, resolve(root, schema['items']))}[]` : 'array'
  }
  if (Array.isArray(schema['type'])) return schema['type'].join(' | ')
  return typeof schema['type'] === 'string' ? schema['type'] : 'any'
}

function rulesOf(schema: JsonSchema): readonly string[] {
  const rules: string[] = []
  const between = (low: unknown, high: unknown, unit: string) => {
    if (low !== undefined && high !== undefined) rules.push(`${String(low)}–${String(high)}${unit}`)
    else if (low !== undefined) rules.push(`≥ ${String(low)}${unit}`)
    else if (high !== undefined) rules.push(`≤ ${String(high)}${unit}`)
  }
  between(schema['minLength'], schema['maxLength'], ' chars')
  between(withoutUnsafe(schema['minimum']), withoutUnsafe(schema['maximum']), '')
  between(schema['minItems'], schema['maxItems'], ' items')
  if (typeof schema['format'] === 'string') rules.push(schema['format'])
  else if (typeof schema['pattern'] === 'string') rules.push(`/${schema['pattern']}/`)
  if ('default' in schema) rules.push(`= ${JSON.stringify(schema['default'])}`)
  return rules
}

/** The bounds of every integer say nothing of this one. */
function withoutUnsafe(bound: unknown): unknown {
  return typeof bound === 'number' && Math.abs(bound) >= Number.MAX_SAFE_INTEGER ? undefined : bound
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {}
}
