import { z } from 'zod'
import { type CheckDefinition, isNamedFormat, stringFaults } from './comparable-strings.ts'
import { isSameJson } from './same-json.ts'
import { changes, type Fault, impossible, unseen } from './schema-fault.ts'

/** What a schema of zod's says of itself. */
export interface Definition {
  readonly type: string
  readonly checks?: readonly z.core.$ZodCheck[]
  readonly innerType?: z.core.$ZodType
  readonly defaultValue?: unknown
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>
  readonly [option: string]: unknown
}

/** Where a schema stands, as far as that decides what it may be. */
export type Position = 'root' | 'field' | 'item' | 'key' | 'other'

/** A kind of schema whose every rule shows in its JSON Schema, so that two of them can be compared. */
interface Kind {
  /** Its options, beside `error` and `checks`. One that is not named is refused. */
  readonly options: readonly string[]
  /** Kinds of checks that show. */
  readonly checks: readonly string[]
  readonly faults?: (definition: Definition, schema: z.core.$ZodType, position: Position) => readonly Fault[]
}

const SIZES = ['min_length', 'max_length', 'length_equals'] as const
const NO_CHECKS: readonly string[] = []
const WRAPPER = { options: ['innerType'], checks: NO_CHECKS } as const

/** The list: what is not here is refused. A test holds it to all that zod exports. */
const COMPARABLE: Readonly<Record<string, Kind>> = {
  string: { options: ['coerce'], checks: [...SIZES, 'string_format'], faults: ofString },
  number: {
    options: ['coerce', 'check', 'format', 'abort'],
    checks: ['greater_than', 'less_than', 'multiple_of', 'number_format'],
    faults: ofCoerced,
  },
  boolean: { options: ['coerce'], checks: NO_CHECKS, faults: ofCoerced },
  null: { options: [], checks: NO_CHECKS },
  any: { options: [], checks: NO_CHECKS },
  unknown: { options: [], checks: NO_CHECKS },
  never: { options: [], checks: NO_CHECKS },
  enum: { options: ['entries'], checks: NO_CHECKS },
  literal: { options: ['values'], checks: NO_CHECKS, faults: ofLiteral },
  template_literal: { options: ['parts', 'format'], checks: NO_CHECKS },
  object: { options: ['shape', 'catchall'], checks: NO_CHECKS, faults: ofObject },
  array: { options: ['element'], checks: SIZES },
  tuple: { options: ['items', 'rest'], checks: NO_CHECKS },
  record: { options: ['keyType', 'valueType', 'mode', 'partial'], checks: NO_CHECKS, faults: ofRecord },
  union: { options: ['options', 'inclusive', 'discriminator'], checks: NO_CHECKS },
  intersection: { options: ['left', 'right'], checks: NO_CHECKS, faults: ofIntersection },
  optional: { ...WRAPPER, faults: ofOptional },
  nullable: WRAPPER,
  readonly: WRAPPER,
  nonoptional: { ...WRAPPER, faults: ofNonOptional },
  default: { options: ['innerType', 'defaultValue'], checks: NO_CHECKS, faults: ofDefault },
  prefault: { options: ['innerType', 'defaultValue'], checks: NO_CHECKS, faults: ofPrefault },
  // zod keeps there what the getter gave.
  lazy: { options: ['getter', '_cachedInner'], checks: NO_CHECKS },
}

const CHANGING = new Set(['pipe', 'transform', 'catch'])
/** How to write what is refused as a kind; the rest has no place in a message. */
const INSTEAD: Readonly<Record<string, string>> = {
  date: 'use z.iso.datetime()',
  bigint: 'use z.int(), or a string of digits',
  undefined: 'use optional()',
  void: 'use optional()',
  map: 'use z.record()',
  set: 'use z.array()',
  file: 'use z.base64()',
  nan: 'use z.null()',
  custom: 'use z.object()',
}

const OPTIONS_ALWAYS: ReadonlySet<string> = new Set(['type', 'checks', 'error'])
const CHECKS_ALWAYS: ReadonlySet<string> = new Set(['describe', 'meta'])
/** Options of checks that are numbers and show as such. */
const CHECK_OPTIONS: ReadonlySet<string> = new Set([
  'check',
  'error',
  'abort',
  'when',
  'value',
  'inclusive',
  'minimum',
  'maximum',
  'length',
  'format',
  'type',
  'checks',
])

export function definitionOf(schema: z.core.$ZodType): Definition {
  return schema._zod.def as unknown as Definition
}

/** A schema that is a check of its own, such as `z.email()`, and the checks that were added to it, in their order. */
export function checksOf(schema: z.core.$ZodType): readonly CheckDefinition[] {
  const { checks = [] } = definitionOf(schema)
  const added = checks.map((check) => check._zod.def as unknown as CheckDefinition)
  const isCheck = schema._zod.traits.has('$ZodCheck')
  return isCheck ? [definitionOf(schema) as unknown as CheckDefinition, ...added] : added
}

/** What is wrong with the schema itself; what it holds is asked for on its own. */
export function faultsOf(schema: z.core.$ZodType, position: Position): readonly Fault[] {
  const definition = definitionOf(schema)
  const { type } = definition
  if (CHANGING.has(type)) return [changes(type, 'describe what is sent, and let the handler change it')]
  const kind = COMPARABLE[type]
  if (!kind) {
    return [
      impossible(
        `z.${type}() cannot be carried as JSON, or its rules are not known here`,
        INSTEAD[type] ?? 'use strings, numbers, booleans, arrays and objects',
      ),
    ]
  }
  if (Object.hasOwn(schema._zod, 'toJSONSchema'))
    return [unseen('a schema that makes its own JSON Schema', 'build it from those of zod')]
  return [
    ...checkFaults(kind, schema),
    ...(kind.faults?.(definition, schema, position) ?? []),
    // What is a check of its own was looked at as one.
    ...(type === 'string' && schema._zod.traits.has('$ZodCheck') ? [] : optionFaults(kind, definition)),
  ]
}

function optionFaults({ options }: Kind, definition: Definition): readonly Fault[] {
  return Object.entries(Object.getOwnPropertyDescriptors(definition))
    .filter(([option, { value, get }]) => (value !== undefined || get) && !OPTIONS_ALWAYS.has(option))
    .filter(([option]) => !options.includes(option))
    .map(([option]) => unseen(`the option ${option} of z.${definition.type}()`, 'leave it out'))
}

function checkFaults({ checks }: Kind, schema: z.core.$ZodType): readonly Fault[] {
  return checksOf(schema).flatMap((check, place): readonly Fault[] => {
    const { check: name = '' } = check
    if (CHECKS_ALWAYS.has(name)) return []
    if (name === 'overwrite')
      return [changes('trim() or the like', 'leave it out, and let the publisher or the handler do it')]
    if (name === 'custom') return [unseen('a refine() or the like', 'put the rule into the schema or the handler')]
    if (!checks.includes(name))
      return [unseen(`the check ${name}`, 'describe the field itself, or leave the rule to the handler')]
    if (name === 'string_format') return stringFaults(check, place)
    return Object.entries(check)
      .filter(([option, value]) => value !== undefined && !CHECK_OPTIONS.has(option) && name !== 'number_format')
      .map(([option]) => unseen(`the option ${option} of ${name}`, 'leave it out'))
  })
}

function ofCoerced({ coerce }: Definition): readonly Fault[] {
  return coerce === true ? [changes('z.coerce', 'use the type that is sent')] : []
}

function ofString(definition: Definition, schema: z.core.$ZodType): readonly Fault[] {
  const named = checksOf(schema).filter(isNamedFormat)
  const formats = named.map(({ format }) => format).join(' and ')
  return [
    ...ofCoerced(definition),
    ...(named.length > 1
      ? [unseen(`a string of two formats (${formats})`, 'keep one, and add the other as a regex()')]
      : []),
  ]
}

function ofLiteral({ values }: Definition): readonly Fault[] {
  const isOdd = (value: unknown): boolean => typeof value === 'number' && !Number.isFinite(value)
  return (values as readonly unknown[])
    .filter(isOdd)
    .map((value) => impossible(`the literal ${String(value)} cannot be carried as JSON`, 'use null'))
}

function ofObject({ shape, catchall }: Definition): readonly Fault[] {
  const isStrict = catchall !== undefined && definitionOf(catchall as z.core.$ZodType).type === 'never'
  return [
    ...(isStrict
      ? [
          impossible(
            'the object is strict, and a consumer must accept what a newer producer adds',
            'use z.object: the bus refuses unknown fields when publishing',
          ),
        ]
      : []),
    ...(Object.hasOwn(shape ?? {}, '__proto__')
      ? [impossible('a field __proto__ cannot be carried', 'give it another name')]
      : []),
  ]
}

function ofRecord({ mode }: Definition): readonly Fault[] {
  return mode === 'loose' ? [unseen('z.looseRecord()', 'use z.record(), or z.object().catchall()')] : []
}

/** zod throws where the two sides make different things of one field. */
function ofIntersection({ left, right }: Definition): readonly Fault[] {
  const [own, others] = [fieldNames(left as z.core.$ZodType), fieldNames(right as z.core.$ZodType)]
  const twice = own?.find((name) => others?.includes(name))
  if (own && others && twice === undefined) return []
  return [
    impossible(
      twice === undefined
        ? 'an intersection of what are no plain objects cannot be read back for certain'
        : `the two sides of the intersection both have the field ${JSON.stringify(twice)}`,
      'use one z.object(), or extend()',
    ),
  ]
}

/** The fields of an object, or of each object of a union; undefined where there may be others. */
function fieldNames(schema: z.core.$ZodType): readonly string[] | undefined {
  const { type, shape = {}, catchall, innerType, options, left, right } = definitionOf(schema)
  if (type === 'object') return catchall ? undefined : Object.keys(shape)
  if (type === 'readonly' && innerType) return fieldNames(innerType)
  const parts = type === 'union' ? options : type === 'intersection' ? [left, right] : []
  const names = (parts as readonly z.core.$ZodType[]).map(fieldNames)
  return names.length === 0 || names.includes(undefined) ? undefined : names.flatMap((own) => own ?? [])
}

function ofOptional(_: Definition, schema: z.core.$ZodType, position: Position): readonly Fault[] {
  if (schema._zod.traits.has('$ZodExactOptional'))
    return [unseen('exactOptional(), which refuses undefined where JSON has none,', 'use optional()')]
  // Of a list's items the publisher is held to it.
  if (position === 'field' || position === 'item') return []
  return [
    impossible(
      'optional() of what is neither a field of an object nor an item of a list would leave nothing to send',
      'use nullable(), or leave it out',
    ),
  ]
}

const FILLED: ReadonlySet<string> = new Set(['default', 'prefault', 'any', 'unknown'])

/** What nonoptional() takes away shows, but where what it holds would fill it in, or be undefined by itself. */
function ofNonOptional({ innerType }: Definition): readonly Fault[] {
  let inner = innerType
  while (inner) {
    const { type, innerType: next } = definitionOf(inner)
    if (FILLED.has(type)) return [unseen(`nonoptional() or required() of ${type}`, 'leave one of the two out')]
    inner = next
  }
  return []
}

function ofDefault({ innerType, defaultValue }: Definition): readonly Fault[] {
  const parsed = z.safeParse(innerType as z.core.$ZodType, defaultValue)
  const shown = JSON.stringify(defaultValue)
  if (!parsed.success)
    return [
      impossible(
        `the default ${shown} is not valid for its own field`,
        'consumers would refuse it; correct one of the two',
      ),
    ]
  if (!isSameJson(parsed.data, defaultValue))
    return [impossible(`the default ${shown} is not what its own field makes of it`, 'use prefault()')]
  return []
}

function ofPrefault({ innerType, defaultValue }: Definition): readonly Fault[] {
  if (z.safeParse(innerType as z.core.$ZodType, defaultValue).success) return []
  return [
    impossible(
      `the prefault ${JSON.stringify(defaultValue)} is not valid for its own field`,
      'a publisher that leaves the field out would be refused; correct one of the two',
    ),
  ]
}
