import type { z } from 'zod'
import { stringFaults } from './comparable-strings.ts'
import {
  ofCoerced,
  ofDefault,
  ofIntersection,
  ofLiteral,
  ofNonOptional,
  ofObject,
  ofOptional,
  ofPrefault,
  ofRecord,
  ofString,
} from './kind-faults.ts'
import { checksOf, type Definition, definitionOf, type Position } from './schema-definition.ts'
import { changes, type Fault, impossible, unseen } from './schema-fault.ts'

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
