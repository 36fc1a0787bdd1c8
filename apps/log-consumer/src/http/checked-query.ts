import { badRequest, type Problem, type ProblemIssue } from '@alarm-bus/service'
import type { z } from 'zod'

/** Issues that are listed: a query has room for some thousand parameters. */
const MAX_ISSUES = 100

/** @throws Problem with everything that is wrong with the query. */
export function checked<T>(schema: z.ZodType<T>, query: unknown): T {
  const parsed = schema.safeParse(query)
  if (parsed.success) return parsed.data
  throw badQuery(parsed.error.issues.flatMap(issuesOf))
}

export function queryIssue(parameter: string, message: string, code = 'invalid_value'): ProblemIssue {
  return { in: 'query', path: `/${parameter}`, code, message }
}

export function badQuery(issues: readonly ProblemIssue[]): Problem {
  const shown = issues.slice(0, 3).map(({ path, message }) => `${path}: ${message}`)
  return badRequest(`the query is not valid: ${shown.join('; ')}`, issues.slice(0, MAX_ISSUES))
}

function issuesOf(issue: z.core.$ZodIssue): readonly ProblemIssue[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => queryIssue(key.slice(0, 64), 'unknown parameter', 'unrecognized_key'))
  return [queryIssue(issue.path.join('/'), issue.message, issue.code === 'custom' ? 'invalid_value' : issue.code)]
}
