import { badRequest, type ProblemIssue } from '@alarm-bus/service'
import type { FastifySchemaCompiler } from 'fastify'
import type { z } from 'zod'

/** Issues that are listed: a body of nothing but unknown fields has ten thousand, a query has some thousand parameters. */
export const MAX_ISSUES = 100

/**
 * Checks query and headers. A body is checked by the publisher, and only once. `true` leaves a part as it is;
 * headers that are given back would be put together with the request's own each time that one of them is read.
 */
export function validatorFor(): FastifySchemaCompiler<unknown> {
  return ({ schema, httpPart }) => {
    if (httpPart === 'body') return () => true
    if (httpPart === 'headers') return (headers) => checkHeaders(schema as z.ZodType, headers)
    return (query) => isEmpty(query) || checkPart('query', schema as z.ZodType, query)
  }
}

/** Most requests bring no key and no parameter, and then there is nothing to check. */
function checkHeaders(schema: z.ZodType, headers: Readonly<Record<string, unknown>>): true | { error: Error } {
  if (headers['idempotency-key'] === undefined) return true
  const checked = checkPart('header', schema, headers)
  return 'error' in checked ? checked : true
}

function isEmpty(query: object): boolean {
  for (const _name in query) return false
  return true
}

function checkPart(part: 'query' | 'header', schema: z.ZodType, value: unknown): { value: unknown } | { error: Error } {
  const parsed = schema.safeParse(value)
  if (parsed.success) return { value: parsed.data }
  const issues = parsed.error.issues.flatMap((issue): ProblemIssue[] =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({
          in: part,
          path: `/${key.slice(0, 64)}`,
          code: 'unrecognized_key',
          message: 'unknown parameter',
        }))
      : [
          {
            in: part,
            path: `/${issue.path.join('/')}`,
            code: issue.code === 'custom' ? 'invalid_value' : issue.code,
            message: issue.message,
          },
        ],
  )
  return { error: badRequest(`the ${part} is not valid: ${inShort(issues)}`, issues.slice(0, MAX_ISSUES)) }
}

/** The first of the issues, for people. */
export function inShort(issues: readonly ProblemIssue[]): string {
  const shown = issues.slice(0, 3).map((issue) => `${issue.path || '/'}: ${issue.message}`)
  return issues.length > 3 ? `${shown.join('; ')} and ${issues.length - 3} more` : shown.join('; ')
}
