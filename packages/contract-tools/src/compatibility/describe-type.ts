import { isAnything, isNothing, type JsonSchema } from './json-schema.ts'

/** A node's type in a word or two, for a report. */
export function describeType(node: JsonSchema): string {
  if (isNothing(node)) return 'nothing'
  if (isAnything(node)) return 'anything'
  const { type } = node as { type?: unknown }
  if (Array.isArray(type)) return type.join(' | ')
  if (typeof type === 'string') return type
  const members = node['anyOf'] ?? node['oneOf']
  if (Array.isArray(members)) return members.map((member) => describeType(member as JsonSchema)).join(' | ')
  return JSON.stringify(node)
}
