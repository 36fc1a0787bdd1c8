import type { z } from 'zod'
import type { CheckDefinition } from './comparable-strings.ts'

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
