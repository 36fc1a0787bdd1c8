import type { Compatibility } from '@alarm-bus/contracts'
import { z } from 'zod'

type Make = () => z.ZodType

/** An edit that takes nothing from anybody in its mode. */
export type Row = readonly [what: string, mode: Compatibility, before: Make, after: Make]

export const s = z.string()
export const n = z.number()

/** A field `f` that changes. */
export const field = (what: string, mode: Compatibility, before: Make, after: Make): Row => [
  what,
  mode,
  () => z.object({ f: before() }),
  () => z.object({ f: after() }),
]

export const a = z.object({ type: z.literal('a'), x: s })
export const b = z.object({ type: z.literal('b') })
export const c = z.object({ type: z.literal('c') })
export const of = (...members: readonly z.ZodType[]) => z.discriminatedUnion('type', members as never)
export const more = a.extend({ y: s.optional() })
export const email = z.object({ email: s })
export const phone = z.object({ phone: s })
export const label = (id: string, least = 1) => s.min(least).meta({ id })
export const twoOf = (part: z.ZodString, most: number) => z.tuple([part, part.max(most)])
