import { parseArgs, type ParseArgsConfig } from 'node:util'
import { UsageError } from './config.ts'

type Options = NonNullable<ParseArgsConfig['options']>

/** Each command has it. */
export const HELP_FLAG = { type: 'boolean', short: 'h' } as const

/**
 * The flags of a command line, and what is none.
 *
 * @throws UsageError for a flag that is not known, lacks its value, or is given twice: one of the two would be ignored.
 */
export function parseFlags<const T extends Options>(argv: readonly string[], options: T, allowPositionals = false) {
  try {
    const { values, positionals, tokens } = parseArgs({ args: [...argv], options, allowPositionals, tokens: true })
    const given = tokens.flatMap((token) => (token.kind === 'option' ? [token.name] : []))
    const twice = given.find((name, i) => {
      const option = (options as Options)[name]
      return option?.type === 'string' && option.multiple !== true && given.indexOf(name) < i
    })
    if (twice !== undefined) throw new UsageError(`--${twice} is given twice; give it once`)
    return { values, positionals }
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError((error as Error).message, { cause: error })
  }
}
