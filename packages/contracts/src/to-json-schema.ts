import { z } from 'zod'
import { nodeFaults } from './assert-comparable.ts'
import { type CheckDefinition, isNamedFormat, shownFormat } from './comparable-strings.ts'
import { checksOf, definitionOf } from './schema-definition.ts'
import { isComputed } from './computed-default.ts'

type Json = Record<string, unknown>

/**
 * The input side of a channel's schema as JSON Schema, with what zod leaves out of it: the format of a string beside other
 * checks, and under names that begin with `x-` what JSON Schema has no words for. `x-unseen-rules` counts rules of which
 * nothing can be shown; a default that is computed for each message is `x-default-computed`.
 */
export function toJsonSchema(
  schema: z.core.$ZodType,
  target: 'draft-2020-12' | 'draft-7' = 'draft-2020-12',
): Readonly<Record<string, unknown>> {
  const json = z.toJSONSchema(schema, {
    io: 'input',
    target,
    override: ({ zodSchema, jsonSchema }) => complete(zodSchema, jsonSchema as Json),
  })
  return Object.freeze(json as Json)
}

function complete(schema: z.core.$ZodType, json: Json): void {
  const definition = definitionOf(schema)
  if (definition.type === 'string') completeString(checksOf(schema), json)
  if ((definition.type === 'default' || definition.type === 'prefault') && isComputed(() => definition.defaultValue)) {
    delete json['default']
    json['x-default-computed'] = true
  }
  // As a field and as anything else an optional schema is judged in two ways; the rules are its own in both.
  const rules = nodeFaults(schema, 'field').filter(({ isUnseenRule }) => isUnseenRule).length
  if (rules > 0) json['x-unseen-rules'] = rules
}

function completeString(checks: readonly CheckDefinition[], json: Json): void {
  const format = checks.find(isNamedFormat)
  const shown = format && shownFormat(format)
  // zod shows the last format, and forgets one that stands before a pattern.
  if (shown === undefined) delete json['format']
  else json['format'] = shown
  for (const [option, name] of [
    ['protocol', 'x-url-protocol'],
    ['hostname', 'x-url-hostname'],
    ['alg', 'x-jwt-alg'],
  ] as const) {
    const value = format?.[option]
    if (value !== undefined) json[name] = value instanceof RegExp ? String(value) : value
  }
  const patterns = [...new Set(checks.flatMap(({ pattern }) => (pattern ? [pattern] : [])))]
  if (patterns.every((pattern) => flagsOf(pattern) === '')) return
  delete json['pattern']
  const shownPatterns = patterns.map((pattern) => {
    const flags = flagsOf(pattern)
    return flags === '' ? { pattern: pattern.source } : { pattern: pattern.source, 'x-pattern-flags': flags }
  })
  if (shownPatterns.length === 1) Object.assign(json, shownPatterns[0])
  else json['allOf'] = shownPatterns
}

/** Those that decide what matches: zod starts each search at the beginning, and asks for no places. */
function flagsOf({ flags }: RegExp): string {
  return flags.replaceAll(/[dg]/g, '')
}
