/**
 * The channel's JSON Schema as publishers are held to it: no object takes a field that it does not declare. Objects that
 * are maps (`additionalProperties` with a schema) stay as they are.
 */
export function strictJsonSchema(schema: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { $schema: _dialect, ...rest } = strict(schema) as Record<string, unknown>
  return rest
}

function strict(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(strict)
  if (typeof node !== 'object' || node === null) return node
  const copy: Record<string, unknown> = Object.fromEntries(
    Object.entries(node).map(([key, child]) => [key, strict(child)]),
  )
  if (copy['type'] === 'object' && copy['additionalProperties'] === undefined) copy['additionalProperties'] = false
  return copy
}
