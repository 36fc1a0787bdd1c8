import type { z } from 'zod'
import { ConfigError, type ConfigProblem } from './config-error.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads the environment through a schema. A variable that is empty or blank counts as not set, as an unfilled line of
 * an `.env` file leaves it.
 *
 * @throws ConfigError with every bad variable.
 */
export function readConfig<Schema extends z.ZodType>(schema: Schema, environment: Environment): z.output<Schema> {
  const given = Object.entries(environment).filter(([, value]) => value !== undefined && value.trim() !== '')
  const parsed = schema.safeParse(Object.fromEntries(given))
  if (parsed.success) return parsed.data
  const problems = new Map<string, ConfigProblem>()
  for (const issue of parsed.error.issues) {
    const variable = issue.path.map(String).join('.') || 'environment'
    // Two sections may read one variable; it is said once.
    problems.set(`${variable}\n${issue.message}`, { variable, problem: issue.message })
  }
  throw new ConfigError([...problems.values()])
}
