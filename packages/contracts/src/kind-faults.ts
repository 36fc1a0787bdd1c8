import { z } from 'zod'
import { isNamedFormat } from './comparable-strings.ts'
import { isSameJson } from './same-json.ts'
import { checksOf, type Definition, definitionOf, type Position } from './schema-definition.ts'
import { changes, type Fault, impossible, unseen } from './schema-fault.ts'

export function ofCoerced({ coerce }: Definition): readonly Fault[] {
  return coerce === true ? [changes('z.coerce', 'use the type that is sent')] : []
}

export function ofString(definition: Definition, schema: z.core.$ZodType): readonly Fault[] {
  const named = checksOf(schema).filter(isNamedFormat)
  const formats = named.map(({ format }) => format).join(' and ')
  return [
    ...ofCoerced(definition),
    ...(named.length > 1
      ? [unseen(`a string of two formats (${formats})`, 'keep one, and add the other as a regex()')]
      : []),
  ]
}

export function ofLiteral({ values }: Definition): readonly Fault[] {
  const isOdd = (value: unknown): boolean => typeof value === 'number' && !Number.isFinite(value)
  return (values as readonly unknown[])
    .filter(isOdd)
    .map((value) => impossible(`the literal ${String(value)} cannot be carried as JSON`, 'use null'))
}

export function ofObject({ shape, catchall }: Definition): readonly Fault[] {
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

export function ofRecord({ mode }: Definition): readonly Fault[] {
  return mode === 'loose' ? [unseen('z.looseRecord()', 'use z.record(), or z.object().catchall()')] : []
}

/** zod throws where the two sides make different things of one field. */
export function ofIntersection({ left, right }: Definition): readonly Fault[] {
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

export function ofOptional(_: Definition, schema: z.core.$ZodType, position: Position): readonly Fault[] {
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
export function ofNonOptional({ innerType }: Definition): readonly Fault[] {
  let inner = innerType
  while (inner) {
    const { type, innerType: next } = definitionOf(inner)
    if (FILLED.has(type)) return [unseen(`nonoptional() or required() of ${type}`, 'leave one of the two out')]
    inner = next
  }
  return []
}

export function ofDefault({ innerType, defaultValue }: Definition): readonly Fault[] {
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

export function ofPrefault({ innerType, defaultValue }: Definition): readonly Fault[] {
  if (z.safeParse(innerType as z.core.$ZodType, defaultValue).success) return []
  return [
    impossible(
      `the prefault ${JSON.stringify(defaultValue)} is not valid for its own field`,
      'a publisher that leaves the field out would be refused; correct one of the two',
    ),
  ]
}
