import type { z } from 'zod'
import { type MessageIssue, pointerToken } from './message-issue.ts'

interface Definition {
  readonly type: string
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>
  readonly catchall?: z.core.$ZodType
  readonly element?: z.core.$ZodType
  readonly items?: readonly z.core.$ZodType[]
  readonly rest?: z.core.$ZodType | null
  readonly keyType?: z.core.$ZodType
  readonly valueType?: z.core.$ZodType
  readonly options?: readonly z.core.$ZodType[]
  readonly left?: z.core.$ZodType
  readonly right?: z.core.$ZodType
  readonly innerType?: z.core.$ZodType
  readonly out?: z.core.$ZodType
  readonly getter?: () => z.core.$ZodType
}

/** Kinds whose values are what JSON has, whatever passes their check: `z.number()` takes neither NaN nor Infinity. */
const CARRIED: ReadonlySet<string> = new Set([
  'string',
  'number',
  'int',
  'boolean',
  'null',
  'literal',
  'enum',
  'template_literal',
  'never',
])
/** Deeper values are refused: who reads them may not have the stack for it. */
const MAX_DEPTH = 256

/**
 * Whether a value that fits the schema may be one that JSON cannot carry: `z.any()`, `z.unknown()`, what holds one of
 * them, and a list whose elements may be undefined. A kind that is not known here counts as one.
 */
export function mayHoldUncarried(schema: z.core.$ZodType, seen: Set<z.core.$ZodType> = new Set()): boolean {
  // A schema that refers to itself is being looked at already.
  if (seen.has(schema)) return false
  seen.add(schema)
  const look = (one: z.core.$ZodType | null | undefined): boolean => !!one && mayHoldUncarried(one, seen)
  const inList = (one: z.core.$ZodType): boolean => look(one) || mayBeUndefined(one)
  const definition = schema._zod.def as unknown as Definition
  if (CARRIED.has(definition.type)) return false
  switch (definition.type) {
    case 'object':
      return Object.values(definition.shape ?? {}).some(look) || look(definition.catchall)
    case 'array':
      return definition.element === undefined || inList(definition.element)
    case 'tuple':
      return (definition.items ?? []).some(inList) || (!!definition.rest && inList(definition.rest))
    case 'record':
      return look(definition.keyType) || look(definition.valueType)
    case 'union':
      return (definition.options ?? []).some(look)
    case 'intersection':
      return look(definition.left) || look(definition.right)
    case 'optional':
    case 'nullable':
    case 'nonoptional':
    case 'default':
    case 'prefault':
    case 'readonly':
    case 'catch':
      return look(definition.innerType)
    case 'pipe':
      return look(definition.out)
    case 'lazy':
      return look(definition.getter?.())
    default:
      return true
  }
}

/** Optional, or a wrapping of what is. */
function mayBeUndefined(schema: z.core.$ZodType): boolean {
  const { type, innerType, options } = schema._zod.def as unknown as Definition
  if (type === 'optional') return true
  if (type === 'union') return (options ?? []).some(mayBeUndefined)
  return (type === 'nullable' || type === 'readonly') && innerType !== undefined && mayBeUndefined(innerType)
}

/**
 * Adds an issue `not_json` for each value that would reach a consumer changed, or not at all: NaN becomes null, a Map
 * `{}`, an undefined element null; a function and a symbol disappear; a bigint and an object in itself cannot be written.
 */
export function collectUncarried(value: unknown, issues: MessageIssue[], maxIssues: number): void {
  collect(value, '', [], issues, maxIssues)
}

function collect(
  value: unknown,
  path: string,
  /** The objects that hold the value, outermost first. */
  within: object[],
  issues: MessageIssue[],
  maxIssues: number,
): void {
  if (issues.length >= maxIssues) return
  const what = uncarried(value, within)
  if (what !== undefined) {
    issues.push({ path, code: 'not_json', message: what })
    return
  }
  if (typeof value !== 'object' || value === null) return
  within.push(value)
  const isList = Array.isArray(value)
  // An index of a list that holds nothing is an undefined element; a field that is undefined is left out.
  const keys = isList ? Array.from(value, (_, index) => String(index)) : Object.keys(value)
  for (const key of keys) {
    const child = (value as Record<string, unknown>)[key]
    if (child === undefined && !isList) continue
    collect(child, `${path}/${pointerToken(key)}`, within, issues, maxIssues)
  }
  within.pop()
}

/** Why JSON cannot carry the value itself; what it holds is looked at on its own. */
function uncarried(value: unknown, within: readonly object[]): string | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined
    case 'number':
      return Number.isFinite(value) ? undefined : `JSON has no ${value}`
    case 'object':
      return value === null ? undefined : uncarriedObject(value, within)
    case 'undefined':
      return 'JSON has no undefined element; it would become null'
    default:
      return `JSON has no ${typeof value}`
  }
}

function uncarriedObject(value: object, within: readonly object[]): string | undefined {
  if (within.includes(value)) return 'it holds itself, which JSON cannot write'
  if (within.length >= MAX_DEPTH) return `it is nested deeper than ${MAX_DEPTH} levels`
  if (typeof (value as { readonly toJSON?: unknown }).toJSON === 'function') {
    return `${nameOf(value)} has a toJSON, so something else would be sent; pass what it returns`
  }
  if (Object.getOwnPropertySymbols(value).length > 0) return 'it has a field named by a symbol, which JSON leaves out'
  if (Array.isArray(value)) {
    return Object.keys(value).some(isNoIndex) ? 'it is a list with fields of its own, which JSON leaves out' : undefined
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return undefined
  return `${nameOf(value)} is not a plain object, and JSON would keep at most its own fields; pass plain data`
}

function isNoIndex(key: string): boolean {
  return !/^\d+$/.test(key)
}

function nameOf(value: object): string {
  const { constructor } = value as { readonly constructor?: { readonly name?: unknown } }
  const name = constructor?.name
  return typeof name === 'string' && name !== '' && name !== 'Object' ? name.slice(0, 64) : 'it'
}
