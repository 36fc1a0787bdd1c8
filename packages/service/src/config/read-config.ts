import { type Environment, readSecretFiles } from '@alarm-bus/environment'
import type { z } from 'zod'
import { ConfigError, type ConfigProblem } from './config-error.ts'
import { secretNames } from './pieces.ts'

/**
 * Reads the environment through a schema. A variable that is empty or blank counts as not set, as an unfilled line of
 * an `.env` file leaves it. A secret may come from a file, which `<NAME>_FILE` names.
 *
 * @throws ConfigError with every bad variable.
 */
export function readConfig<Schema extends z.ZodType>(schema: Schema, environment: Environment): z.output<Schema> {
  const { environment: whole, fromFiles, problems: unread } = readSecretFiles(environment, secretNames(schema))
  const given = Object.entries(whole).filter(([, value]) => value !== undefined && value.trim() !== '')
  const parsed = schema.safeParse(Object.fromEntries(given))
  if (parsed.success && unread.length === 0) return parsed.data
  const problems = new Map<string, ConfigProblem>()
  for (const { variable, problem } of unread) problems.set(variable, { variable, problem })
  for (const issue of parsed.error?.issues ?? []) {
    const name = issue.path.map(String).join('.') || 'environment'
    // That it is not set follows from its file.
    if (unread.some(({ secret }) => secret === name)) continue
    const variable = fromFiles.has(name) ? `${name}_FILE` : name
    // Two sections may read one variable; it is said once.
    problems.set(`${variable}\n${issue.message}`, { variable, problem: issue.message })
  }
  throw new ConfigError([...problems.values()])
}
