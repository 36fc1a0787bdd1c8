import { z } from 'zod'

/** A schema as plain data, so that it can be generated, changed at one place, and made into zod and into messages. */
export type Spec =
  | {
      readonly kind: 'string'
      readonly min?: number
      readonly max?: number
      readonly pattern?: string
      readonly format?: Format
    }
  | {
      readonly kind: 'number'
      readonly int: boolean
      readonly min?: Limit
      readonly max?: Limit
      readonly step?: number
    }
  | { readonly kind: 'boolean' | 'anything' | 'null' }
  | { readonly kind: 'values'; readonly values: readonly Value[] }
  | { readonly kind: 'list'; readonly item: Spec; readonly min?: number; readonly max?: number }
  | { readonly kind: 'tuple'; readonly items: readonly Spec[]; readonly rest?: Spec }
  | ObjectSpec
  | { readonly kind: 'record'; readonly names: Names; readonly value: Spec }
  | { readonly kind: 'union'; readonly members: readonly Spec[] }
  | { readonly kind: 'variants'; readonly members: readonly VariantSpec[] }
  | { readonly kind: 'nullable'; readonly inner: Spec }
  /** A node that may hold nodes like itself. */
  | { readonly kind: 'tree'; readonly value: Spec; readonly below: 'list' | 'optional' | 'nullable' }

export interface ObjectSpec {
  readonly kind: 'object'
  readonly fields: Readonly<Record<string, FieldSpec>>
  readonly others: 'dropped' | 'kept' | Spec
}

/** One member of a discriminated union: its tag, and the rest. */
export interface VariantSpec {
  readonly tags: readonly string[]
  readonly fields: Readonly<Record<string, FieldSpec>>
}

export interface FieldSpec {
  readonly spec: Spec
  readonly presence: 'required' | 'optional' | { readonly default: unknown }
}

export interface Limit {
  readonly value: number
  readonly exclusive: boolean
}

export type Value = string | number | boolean | null
export type Format = 'email' | 'date-time' | 'uuid'
export type Names = 'any' | 'three-letters' | readonly string[]

export function toZod(spec: Spec): z.ZodType {
  switch (spec.kind) {
    case 'string':
      return toString(spec)
    case 'number':
      return toNumber(spec)
    case 'boolean':
      return z.boolean()
    case 'anything':
      return z.unknown()
    case 'null':
      return z.null()
    case 'values':
      return z.literal(spec.values as [Value, ...Value[]])
    case 'list': {
      const list = z.array(toZod(spec.item)).min(spec.min ?? 0)
      return spec.max === undefined ? list : list.max(spec.max)
    }
    case 'tuple': {
      const items = spec.items.map(toZod) as [z.ZodType, ...z.ZodType[]]
      return spec.rest ? z.tuple(items, toZod(spec.rest)) : z.tuple(items)
    }
    case 'object':
      return toObject(spec)
    case 'record':
      return toRecord(spec.names, toZod(spec.value))
    case 'union':
      return z.union(spec.members.map(toZod))
    case 'variants':
      return z.discriminatedUnion('tag', spec.members.map(toVariant) as never)
    case 'nullable':
      return toZod(spec.inner).nullable()
    case 'tree':
      return toTree(spec)
  }
}

function toString(spec: Extract<Spec, { kind: 'string' }>): z.ZodType {
  if (spec.format === 'email') return z.email()
  if (spec.format === 'uuid') return z.uuid()
  if (spec.format === 'date-time') return z.iso.datetime()
  let text = z.string()
  if (spec.min !== undefined) text = text.min(spec.min)
  if (spec.max !== undefined) text = text.max(spec.max)
  return spec.pattern === undefined ? text : text.regex(new RegExp(spec.pattern))
}

function toNumber(spec: Extract<Spec, { kind: 'number' }>): z.ZodType {
  let number: z.ZodNumber = spec.int ? z.int() : z.number()
  if (spec.min) number = spec.min.exclusive ? number.gt(spec.min.value) : number.gte(spec.min.value)
  if (spec.max) number = spec.max.exclusive ? number.lt(spec.max.value) : number.lte(spec.max.value)
  return spec.step === undefined ? number : number.multipleOf(spec.step)
}

function toObject({ fields, others }: ObjectSpec): z.ZodType {
  const object = z.object(toShape(fields))
  if (others === 'dropped') return object
  return others === 'kept' ? object.loose() : object.catchall(toZod(others))
}

function toShape(fields: Readonly<Record<string, FieldSpec>>): Record<string, z.ZodType> {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, toField(field)]))
}

function toField({ spec, presence }: FieldSpec): z.ZodType {
  const type = toZod(spec)
  if (presence === 'required') return type
  return presence === 'optional' ? type.optional() : type.default(presence.default as never)
}

function toVariant({ tags, fields }: VariantSpec): z.ZodType {
  return z.object({ tag: z.literal(tags as [string, ...string[]]), ...toShape(fields) })
}

function toRecord(names: Names, value: z.ZodType): z.ZodType {
  if (names === 'any') return z.record(z.string(), value)
  if (names === 'three-letters') return z.record(z.string().min(3), value)
  return z.partialRecord(z.enum(names as [string, ...string[]]), value)
}

function toTree({ value, below }: Extract<Spec, { kind: 'tree' }>): z.ZodType {
  const node: z.ZodType = z.object({
    value: toZod(value),
    get below(): z.ZodType {
      if (below === 'list') return z.array(node)
      return below === 'optional' ? node.optional() : node.nullable()
    },
  })
  return node
}
