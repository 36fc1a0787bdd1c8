import { UsageError } from '@alarm-bus/command-line'
import { KitError, KitErrorCode } from '@alarm-bus/nats-kit'
import { PlanError } from './plan-error.ts'
import type { Terminal } from './terminal.ts'

/** Says what went wrong, as JSON beside `document` where it is given, and gives the exit code. */
export function fail(to: Terminal, command: string, error: unknown, document: object | undefined): 1 {
  const { message } = error as Error
  if (document) to.say(JSON.stringify({ error: { code: codeOf(error), message }, ...document }, null, 2))
  const hint = KitError.is(error, KitErrorCode.PermissionDenied)
    ? '; log in with NATS_ADMIN_USER, NATS_ADMIN_PASSWORD'
    : ''
  to.complain(`ops ${command}: ${message}${hint}`)
  return 1
}

function codeOf(error: unknown): string {
  if (error instanceof UsageError) return 'usage'
  return error instanceof PlanError ? error.code : KitError.from(error).code
}
