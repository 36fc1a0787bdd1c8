import { z } from 'zod'

/** A schema as plain data, so that it can be generated, changed at one place, and made into zod and into messages. */
export type Spec =
  | {
      readonly kind: 'string'
      readonly min?: number
      readonly max?: number
      readonly pattern?: string
      readonly flags?: string
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
  | { readonly kind: 'union'; readonly members: readonly Spec[]; readonly exclusive?: boolean }
  /** Two objects that both hold. */
  | { readonly kind: 'both'; readonly left: ObjectSpec; readonly right: ObjectSpec }
  /** A schema with an id, the same wherever it is used, but for what is added at one place. */
  | { readonly kind: 'shared'; readonly part: keyof Parts; readonly narrow?: Narrow }
  /** What no schema shows. */
  | { readonly kind: 'hidden'; readonly inner: Spec; readonly rule: HiddenRule }
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
  readonly presence:
    | 'required'
    | 'optional'
    | 'exact'
    | 'said'
    | { readonly default: unknown }
    | { readonly prefault: unknown }
}

export interface Limit {
  readonly value: number
  readonly exclusive: boolean
}

export type Value = string | number | boolean | null
export type Format = keyof typeof FORMATS
export type Names = 'any' | 'three-letters' | readonly string[]
export type HiddenRule = 'short' | 'even' | 'property' | 'own-format' | 'other-format'
export type Narrow = 'more' | 'less' | 'other'

/** Every format that has options, with them. */
const FORMATS = {
  email: () => z.email(),
  'any-email': () => z.email({ pattern: /^.+@.+$/i }),
  uuid: () => z.uuid(),
  uuidv4: () => z.uuidv4(),
  'date-time': () => z.iso.datetime(),
  offset: () => z.iso.datetime({ offset: true }),
  url: () => z.url(),
  'http-url': () => z.httpUrl(),
  'https-url': () => z.url({ protocol: /^https$/ }),
  'domain-url': () => z.url({ hostname: z.regexes.domain }),
  jwt: () => z.jwt(),
  'jwt-es256': () => z.jwt({ alg: 'ES256' }),
  ipv6: () => z.ipv6(),
  base64: () => z.base64(),
} as const satisfies Readonly<Record<string, () => z.ZodType>>

/** Schemas with an id, made once for each schema that uses them. */
export class Parts {
  readonly Label: z.ZodType
  readonly Names: z.ZodType
  readonly Amount: z.ZodType

  constructor(least: number) {
    this.Label = z.string().min(least).meta({ id: 'Label' })
    this.Names = z.array(z.string()).min(least).meta({ id: 'Names' })
    this.Amount = z.number().min(least).meta({ id: 'Amount' })
  }
}

export function toZod(spec: Spec, parts: Parts = new Parts(1)): z.ZodType {
  const made = (one: Spec): z.ZodType => toZod(one, parts)
  switch (spec.kind) {
    case 'string':
      return toString(spec)
    case 'number':
      return toNumber(spec)
    case 'shared':
      return spec.narrow ? narrowed(parts[spec.part], spec.narrow) : parts[spec.part]
    case 'hidden':
      return withHidden(made(spec.inner), spec.rule)
    case 'both':
      return z.intersection(made(spec.left), made(spec.right))
    case 'boolean':
      return z.boolean()
    case 'anything':
      return z.unknown()
    case 'null':
      return z.null()
    case 'values':
      return z.literal(spec.values as [Value, ...Value[]])
    case 'list': {
      const list = z.array(made(spec.item)).min(spec.min ?? 0)
      return spec.max === undefined ? list : list.max(spec.max)
    }
    case 'tuple': {
      const items = spec.items.map(made) as [z.ZodType, ...z.ZodType[]]
      return spec.rest ? z.tuple(items, made(spec.rest)) : z.tuple(items)
    }
    case 'object':
      return toObject(spec, parts)
    case 'record':
      return toRecord(spec.names, made(spec.value))
    case 'union':
      return spec.exclusive ? z.xor(spec.members.map(made)) : z.union(spec.members.map(made))
    case 'variants':
      return z.discriminatedUnion('tag', spec.members.map((member) => toVariant(member, parts)) as never)
    case 'nullable':
      return made(spec.inner).nullable()
    case 'tree':
      return toTree(spec, parts)
  }
}

function toString(spec: Extract<Spec, { kind: 'string' }>): z.ZodType {
  if (spec.format) {
    const format: z.ZodType = FORMATS[spec.format]()
    return spec.pattern === undefined ? format : format.check(z.regex(new RegExp(spec.pattern, spec.flags)))
  }
  let text = z.string()
  if (spec.min !== undefined) text = text.min(spec.min)
  if (spec.max !== undefined) text = text.max(spec.max)
  return spec.pattern === undefined ? text : text.regex(new RegExp(spec.pattern, spec.flags))
}

function toNumber(spec: Extract<Spec, { kind: 'number' }>): z.ZodType {
  let number: z.ZodNumber = spec.int ? z.int() : z.number()
  if (spec.min) number = spec.min.exclusive ? number.gt(spec.min.value) : number.gte(spec.min.value)
  if (spec.max) number = spec.max.exclusive ? number.lt(spec.max.value) : number.lte(spec.max.value)
  return spec.step === undefined ? number : number.multipleOf(spec.step)
}

function toObject({ fields, others }: ObjectSpec, parts: Parts): z.ZodType {
  const object = z.object(toShape(fields, parts))
  if (others === 'dropped') return object
  return others === 'kept' ? object.loose() : object.catchall(toZod(others, parts))
}

function toShape(fields: Readonly<Record<string, FieldSpec>>, parts: Parts): Record<string, z.ZodType> {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, toField(field, parts)]))
}

function toField({ spec, presence }: FieldSpec, parts: Parts): z.ZodType {
  const type = toZod(spec, parts)
  if (presence === 'required') return type
  if (presence === 'optional') return type.optional()
  if (presence === 'exact') return type.exactOptional()
  if (presence === 'said') return type.optional().meta({ default: 'said' })
  return 'default' in presence ? type.default(presence.default as never) : type.prefault(presence.prefault as never)
}

function toVariant({ tags, fields }: VariantSpec, parts: Parts): z.ZodType {
  return z.object({ tag: z.literal(tags as [string, ...string[]]), ...toShape(fields, parts) })
}

/** More of it, less of it, or another rule beside. */
function narrowed(part: z.ZodType, narrow: Narrow): z.ZodType {
  if (part instanceof z.ZodString)
    return narrow === 'more' ? part.min(2) : narrow === 'less' ? part.max(3) : part.regex(/a/)
  if (part instanceof z.ZodArray) return narrow === 'more' ? part.min(2) : part.max(2)
  if (part instanceof z.ZodNumber) return narrow === 'more' ? part.min(2) : narrow === 'less' ? part.max(3) : part.int()
  return part
}

function withHidden(inner: z.ZodType, rule: HiddenRule): z.ZodType {
  const isShort = (value: unknown): boolean => JSON.stringify(value).length < 9
  const isEven = (value: unknown): boolean => JSON.stringify(value).length % 2 === 0
  if (rule === 'short') return inner.refine(isShort)
  if (rule === 'even') return inner.superRefine((value, context) => void (isEven(value) || context.addIssue('odd')))
  if (rule === 'property') {
    const hasLength = inner instanceof z.ZodArray || inner instanceof z.ZodString
    return hasLength ? inner.check(z.property('length', z.number().max(2))) : inner.refine(() => true)
  }
  return z.stringFormat('own', rule === 'own-format' ? isEven : isShort)
}

function toRecord(names: Names, value: z.ZodType): z.ZodType {
  if (names === 'any') return z.record(z.string(), value)
  if (names === 'three-letters') return z.record(z.string().min(3), value)
  return z.partialRecord(z.enum(names as [string, ...string[]]), value)
}

function toTree({ value, below }: Extract<Spec, { kind: 'tree' }>, parts: Parts): z.ZodType {
  const node: z.ZodType = z.object({
    value: toZod(value, parts),
    get below(): z.ZodType {
      if (below === 'list') return z.array(node)
      return below === 'optional' ? node.optional() : node.nullable()
    },
  })
  return node
}
