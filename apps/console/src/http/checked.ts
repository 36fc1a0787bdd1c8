import { badRequest, type ProblemIssue } from '@alarm-bus/service'
import type { z } from 'zod'

/** Issues that are listed; a body of nothing but unknown fields has thousands. */
const MAX_ISSUES = 50

/** @throws Problem 400 with everything that is wrong. */
export function checked<Schema extends z.ZodType>(part: ProblemIssue['in'], schema: Schema, value: unknown) {
  const parsed = schema.safeParse(value ?? {})
  if (parsed.success) return parsed.data as z.output<Schema>
  const issues = parsed.error.issues.slice(0, MAX_ISSUES).map((issue): ProblemIssue => ({
    in: part,
    path: issue.path.map((token) => `/${String(token).slice(0, 64)}`).join(''),
    code: issue.code,
    message: issue.message,
  }))
  const [first] = issues
  throw badRequest(`the ${part} is not valid: ${first?.path || '/'}: ${first?.message}`, issues)
}
