import { type Channel, checkToPublish } from '@alarm-bus/contracts'
import { badRequest, type ProblemIssue } from '@alarm-bus/service'
import type { FastifySchemaCompiler } from 'fastify'
import type { z } from 'zod'

/**
 * Checks the parts of a request for one channel. The body is held to the contract as publishers are: an unknown field
 * is refused at any depth. Query and headers are held to their own zod schemas.
 */
export function validatorFor(channel: Channel): FastifySchemaCompiler<unknown> {
  return ({ schema, httpPart }) => {
    if (httpPart === 'body') return (body) => checkBody(channel, body)
    const part = httpPart === 'headers' ? 'header' : 'query'
    return (value) => checkPart(part, schema as z.ZodType, value)
  }
}

function checkBody(channel: Channel, body: unknown): { value: unknown } | { error: Error } {
  // An absent body is undefined or null, depending on the framework's mood.
  const checked = checkToPublish(channel, body ?? undefined)
  if (checked.ok) return { value: checked.message }
  const issues = checked.issues.map((issue): ProblemIssue => ({ in: 'body', ...issue }))
  return {
    error: badRequest(`the message does not fit channel ${JSON.stringify(channel.name)}: ${inShort(issues)}`, issues),
  }
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
  return { error: badRequest(`the ${part} is not valid: ${inShort(issues)}`, issues) }
}

function inShort(issues: readonly ProblemIssue[]): string {
  const shown = issues.slice(0, 3).map((issue) => `${issue.path || '/'}: ${issue.message}`)
  return issues.length > 3 ? `${shown.join('; ')} and ${issues.length - 3} more` : shown.join('; ')
}
