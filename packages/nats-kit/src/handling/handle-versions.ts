import { type Channel, type MessageOf, upcastMessage, versionsOf } from '@alarm-bus/contracts'
import { defineHandler, type HandlerOptions, type MessageContext, type MessageHandler } from './handler.ts'
import { UpcastFailed } from './handler-errors.ts'

/**
 * One handler for a channel and the versions before it that are live beside it: a consumer for each, and the handler sees
 * the latest shape alone. `context.channel` says which version a message came as. A message whose upcast throws, or makes
 * what the next version does not allow, becomes a dead letter `upcast_failed`, and can be redriven once that is mended.
 */
export function handleVersions<C extends Channel>(
  latest: C,
  handle: (message: MessageOf<C>, context: MessageContext) => Promise<void> | void,
  options: HandlerOptions = {},
): readonly MessageHandler[] {
  return versionsOf(latest).map((version) =>
    version === latest
      ? defineHandler(latest, handle, options)
      : defineHandler(version, (message, context) => handle(upcast(latest, version, message), context), options),
  )
}

function upcast<C extends Channel>(latest: C, from: Channel, message: unknown): MessageOf<C> {
  const checked = upcastMessage(latest, from, message)
  if (checked.ok) return checked.message
  const where = checked.issues.map((issue) => (issue.path === '' ? issue.message : `${issue.path}: ${issue.message}`))
  throw new UpcastFailed(
    `a message of ${from.name} cannot be brought to ${latest.name}: ${where.join('; ')}`,
    checked.issues,
  )
}
