import { z } from 'zod'
import { ContractError } from './contract-error.ts'

interface Definition {
  readonly type: string
  readonly checks?: readonly z.core.$ZodCheck[]
  readonly coerce?: boolean
  readonly innerType?: z.ZodType
  readonly defaultValue?: unknown
}

/**
 * Refuses what JSON Schema does not show, since a release could not be compared with the last one, and what lets a
 * publisher send something that a consumer then refuses.
 *
 * @throws ContractError naming the channel.
 */
export function assertComparable(channel: string, schema: z.ZodType, allowRefinements: boolean): void {
  const faults: string[] = []
  z.toJSONSchema(schema, {
    io: 'input',
    override: ({ zodSchema }) => {
      faults.push(...faultsOf(zodSchema._zod.def as unknown as Definition, allowRefinements))
    },
  })
  const [fault] = faults
  if (fault !== undefined) throw new ContractError(`channel ${JSON.stringify(channel)}: ${fault}`)
}

function faultsOf(definition: Definition, allowRefinements: boolean): readonly string[] {
  const { type, checks = [], coerce, innerType, defaultValue } = definition
  const kinds = checks.map((check) => check._zod.def.check)
  const faults: string[] = []
  if (type === 'pipe' || type === 'transform' || type === 'catch' || coerce === true || kinds.includes('overwrite')) {
    const what = coerce === true ? 'z.coerce' : kinds.includes('overwrite') ? 'trim() or the like' : type
    faults.push(`the schema changes what was sent (${what}); a message has to reach its consumers as it is`)
  }
  if (kinds.includes('custom') && !allowRefinements) {
    faults.push(
      "the schema has a refine(), which no JSON Schema shows, so a change of it could not be found; put the rule into the schema or the handler, or set compatibility to 'none'",
    )
  }
  if (type === 'default' && innerType && !innerType.safeParse(defaultValue).success) {
    faults.push(`the default ${JSON.stringify(defaultValue)} is not valid for its own field; consumers would refuse it`)
  }
  return faults
}
