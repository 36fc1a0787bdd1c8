import { existsSync } from 'node:fs'
import { z } from 'zod'

/** Messages finish the sentence that begins with the variable's name, and say what is allowed. */

/** A whole number in decimal digits; the bounds are part of the message. */
export function wholeNumber(bounds: { readonly min: number; readonly max: number }) {
  const allowed = `must be a whole number from ${bounds.min} to ${bounds.max}`
  return z
    .string()
    .refine((text) => /^\d{1,15}$/.test(text) && Number(text) >= bounds.min && Number(text) <= bounds.max, {
      error: (issue) => `${allowed}, not ${shown(issue.input)}`,
    })
    .transform(Number)
}

export function oneOf<const Choices extends readonly [string, ...string[]]>(choices: Choices) {
  return z.enum(choices, { error: (issue) => `must be one of ${choices.join(', ')}, not ${shown(issue.input)}` })
}

export const port = wholeNumber({ min: 0, max: 65_535 })

export const existingFile = z
  .string()
  .refine((path) => existsSync(path), { error: (issue) => `names a file that does not exist: ${shown(issue.input)}` })

const secrets = new WeakSet<z.ZodType>()

/**
 * Marks a variable of a schema as a secret: `readConfig` also takes it from the file that `<NAME>_FILE` names. It stands
 * outside of everything else: `.optional()` after it would make another schema, without the mark.
 */
export function secret<Schema extends z.ZodType>(schema: Schema): Schema {
  secrets.add(schema)
  return schema
}

/** The names of a schema's secrets, of all its parts that `.and()` put together. */
export function secretNames(schema: z.ZodType): readonly string[] {
  if (schema instanceof z.ZodIntersection)
    return [schema.def.left, schema.def.right].flatMap((part) => secretNames(part as z.ZodType))
  if (schema instanceof z.ZodPipe) return secretNames(schema.def.in as z.ZodType)
  if (!(schema instanceof z.ZodObject)) return []
  return Object.entries(schema.shape as Readonly<Record<string, z.ZodType>>)
    .filter(([, variable]) => secrets.has(variable))
    .map(([name]) => name)
}

/** A value for a person to recognize: quoted, and cut so that a pasted file does not fill the log. */
function shown(value: unknown): string {
  const text = String(value)
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}

/** Rules across variables run even when one of them is bad, so that everything wrong is said at once. */
export const ALWAYS = { when: () => true } as const
