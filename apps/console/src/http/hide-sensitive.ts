import { HIDDEN, type JsonSchema } from '../api.ts'

/** Deeper than any message that a person reads; a schema may refer to itself. */
const MAX_DEPTH = 16
const MAX_PATHS = 256

/** The tokens of a path; `*` stands for every item or key. */
type Path = readonly string[]

/** Paths of what a channel's schema marks: `z.string().meta({ sensitive: true })`. */
export function sensitivePaths(schema: JsonSchema): readonly Path[] {
  const found = new Map<string, Path>()
  // Most schemas mark nothing. Behind the limits of the others everything counts as marked.
  if (!JSON.stringify(schema).includes('"sensitive":true')) return []
  const walk = (node: unknown, path: Path, depth: number): void => {
    if (typeof node !== 'object' || node === null) return
    const part = node as Readonly<Record<string, unknown>>
    if (part['sensitive'] === true || depth > MAX_DEPTH || found.size >= MAX_PATHS) {
      found.set(pointerOf(path), path)
      return
    }
    const at = (child: unknown, ...tokens: readonly string[]): void => walk(child, [...path, ...tokens], depth + 1)
    for (const [key, child] of Object.entries((part['properties'] ?? {}) as object)) at(child, key)
    if (part['additionalProperties'] !== undefined) at(part['additionalProperties'], '*')
    if (part['items'] !== undefined) at(part['items'], '*')
    for (const list of ['anyOf', 'oneOf', 'allOf', 'prefixItems'] as const) {
      for (const child of (part[list] ?? []) as readonly unknown[]) at(child, ...(list === 'prefixItems' ? ['*'] : []))
    }
    const reference = /^#\/(?:\$defs|definitions)\/([^/]+)$/.exec(String(part['$ref'] ?? ''))?.[1]
    const definitions = (schema['$defs'] ?? schema['definitions'] ?? {}) as Readonly<Record<string, unknown>>
    if (reference !== undefined) at(definitions[reference])
    if (part['$ref'] === '#') at(schema)
  }
  walk(schema, [], 0)
  return [...found.values()]
}

/** A JSON pointer. */
export function pointerOf(path: Path): string {
  return path.map((token) => `/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/** A copy without the values at these paths, and pointers to those that were there. */
export function hideSensitive(
  value: unknown,
  paths: readonly Path[],
): { readonly body: unknown; readonly hidden: readonly string[] } {
  if (paths.length === 0) return { body: value, hidden: [] }
  const hidden = new Set<string>()
  const copy = (node: unknown, at: Path, left: readonly Path[]): unknown => {
    if (left.some((path) => path.length === 0)) {
      hidden.add(pointerOf(at))
      return HIDDEN
    }
    if (left.length === 0 || typeof node !== 'object' || node === null) return node
    const below = (key: string): readonly Path[] =>
      left.filter(([token]) => token === key || token === '*').map((path) => path.slice(1))
    if (Array.isArray(node))
      return node.map((child, index) => copy(child, [...at, String(index)], below(String(index))))
    return Object.fromEntries(Object.entries(node).map(([key, child]) => [key, copy(child, [...at, key], below(key))]))
  }
  const body = copy(value, [], paths)
  return { body, hidden: [...hidden] }
}
