import { z } from 'zod'

export const s = z.string()

export interface Edit {
  readonly what: string
  readonly before: () => z.ZodType
  readonly after: () => z.ZodType
  /** Valid before, and refused after. */
  readonly message: unknown
}

/** A field `f` that changes. */
export const field = (what: string, before: () => z.ZodType, after: () => z.ZodType, value: unknown): Edit => ({
  what,
  before: () => z.object({ f: before() }),
  after: () => z.object({ f: after() }),
  message: { f: value },
})
