import type { App } from '@alarm-bus/contracts'
import { KitError, KitErrorCode } from '../errors.ts'
import type { MessageHandler } from '../handling/handler.ts'

/** Permissions and documents are made from the declaration, so an app that does something else would be found out late. */
export function refuseUndeclared(
  app: App,
  name: string,
  does: { readonly publishes: boolean; readonly idempotency: boolean; readonly handlers: readonly MessageHandler[] },
): void {
  const refuse = (why: string): never => {
    throw new KitError(KitErrorCode.InvalidOptions, `app ${JSON.stringify(app.name)}: ${why}`)
  }
  if (name !== app.name) refuse(`the connection is called ${JSON.stringify(name)}; it takes the declared name`)
  if (does.publishes && app.publishes.length === 0) refuse('it has a publisher, but declares no channel to publish on')
  if (does.idempotency && !app.idempotency)
    refuse('it holds ids to one message without declaring so; add idempotency to its declaration')
  const handled = new Set(does.handlers.map(({ channel }) => channel.name))
  const declared = new Set(app.handles.map(({ channel }) => channel.name))
  const extra = [...handled].filter((channel) => !declared.has(channel))
  const missing = [...declared].filter((channel) => !handled.has(channel))
  if (extra.length > 0)
    refuse(
      `it handles ${extra.join(', ')} without declaring so; add to its declaration's handles, then \`pnpm ops permissions\``,
    )
  if (missing.length > 0)
    refuse(`it declares to handle ${missing.join(', ')}, but has no handler; messages would wait for ever`)
}

/** The handlers with what the declaration says of their channels, where the handler says nothing itself. */
export function withDeclaredSettings(app: App, handlers: readonly MessageHandler[]): readonly MessageHandler[] {
  return handlers.map((handler) => {
    const declared = app.handles.find(({ channel }) => channel.name === handler.channel.name)
    const maxDeliver = handler.maxDeliver ?? declared?.maxDeliver
    const retry = handler.retry ?? declared?.retry
    const startAt = handler.startAt ?? declared?.startAt
    return {
      ...handler,
      ...(startAt !== undefined && { startAt }),
      ...(maxDeliver !== undefined && { maxDeliver }),
      ...(retry !== undefined && { retry }),
    }
  })
}
