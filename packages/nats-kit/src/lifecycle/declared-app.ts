import type { App, Channel, RequestContract } from '@alarm-bus/contracts'
import { KitError, KitErrorCode } from '../errors.ts'
import type { MessageHandler } from '../handling/handler.ts'

/** Permissions and documents are made from the declaration, so an app that does something else would be found out late. */
export function refuseUndeclared(
  app: App,
  name: string,
  does: {
    readonly publishes: boolean
    readonly idempotency: boolean
    readonly handlers: readonly MessageHandler[]
    readonly asks: boolean
    readonly answers: readonly RequestContract[]
    readonly hears: readonly Channel[]
  },
): void {
  const refuse = (why: string): never => {
    throw new KitError(KitErrorCode.InvalidOptions, `app ${JSON.stringify(app.name)}: ${why}`)
  }
  if (name !== app.name) refuse(`the connection is called ${JSON.stringify(name)}; it takes the declared name`)
  if (does.publishes && app.publishes.length === 0) refuse('it has a publisher, but declares no channel to publish on')
  if (does.idempotency && !app.idempotency)
    refuse('it holds ids to one message without declaring so; add idempotency to its declaration')
  // A store that the subscriber opens; one that is handed over open is its maker's.
  if (!app.onceOnly && does.handlers.some(({ uses = [] }) => uses.some((user) => 'claim' in user)))
    refuse(
      'it remembers what was handled (onceOnly) without declaring so; add onceOnly: true to its declaration, then `pnpm ops permissions`',
    )
  if (does.asks && app.asks.length === 0) refuse('it has a requester, but declares no request to ask')
  const undeclared = does.answers.filter((request) => !app.answers.includes(request))
  const unanswered = app.answers.filter((request) => !does.answers.includes(request))
  if (undeclared.length > 0)
    refuse(
      `it answers ${namesOf(undeclared)} without declaring so; add to its declaration's answers, then \`pnpm ops permissions\``,
    )
  if (unanswered.length > 0) refuse(`it declares to answer ${namesOf(unanswered)}, but has no responder`)
  const unheard = app.hears.filter((channel) => !does.hears.includes(channel))
  const undeclaredHeard = does.hears.filter((channel) => !app.hears.includes(channel))
  if (undeclaredHeard.length > 0)
    refuse(
      `it hears ${namesOf(undeclaredHeard)} without declaring so; add to its declaration's hears, then \`pnpm ops permissions\``,
    )
  if (unheard.length > 0) refuse(`it declares to hear ${namesOf(unheard)}, but has no listener`)
  const handled = new Set(does.handlers.map(({ channel }) => channel.name))
  const declared = new Set(app.handles.flatMap(({ channel, ofRequest }) => (ofRequest ? [] : [channel.name])))
  const extra = [...handled].filter((channel) => !declared.has(channel))
  const missing = [...declared].filter((channel) => !handled.has(channel))
  if (extra.length > 0)
    refuse(
      `it handles ${extra.join(', ')} without declaring so; add to its declaration's handles, then \`pnpm ops permissions\``,
    )
  if (missing.length > 0)
    refuse(`it declares to handle ${missing.join(', ')}, but has no handler; messages would wait for ever`)
}

function namesOf(contracts: readonly (Channel | RequestContract)[]): string {
  return contracts.map(({ name }) => name).join(', ')
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
