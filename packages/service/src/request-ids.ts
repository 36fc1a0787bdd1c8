import { AsyncLocalStorage } from 'node:async_hooks'
import { HeaderName, type MessageHandler } from '@alarm-bus/nats-kit'

/** The message header in which the id of the HTTP request rides along. */
export const REQUEST_ID_HEADER = HeaderName.RequestId

const current = new AsyncLocalStorage<string>()

/** Of the message that is being handled; undefined outside of a handler, and for a message without one. */
export function currentRequestId(): string | undefined {
  return current.getStore()
}

/** The same handlers, with the id of the request that a message came from in every line that they log. */
export function withRequestIds(handlers: readonly MessageHandler[]): readonly MessageHandler[] {
  return handlers.map((handler) => ({
    ...handler,
    handle(message, context) {
      const requestId = context.header(REQUEST_ID_HEADER)
      if (requestId === undefined) return handler.handle(message, context)
      return current.run(requestId, () => handler.handle(message, context))
    },
  }))
}
