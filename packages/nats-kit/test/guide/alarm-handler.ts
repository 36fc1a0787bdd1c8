import { alarmToBot } from '@alarm-bus/contracts'
import { DeadLetter, defineHandler, type MessageHandler, RetryLater } from '@alarm-bus/nats-kit'

/** Posts to the bot and resolves to the HTTP status. */
export type PostToBot = (text: string) => Promise<number>

export function alarmHandler(post: PostToBot): MessageHandler {
  return defineHandler(alarmToBot, async ({ message }) => {
    const status = await post(message)
    if (status === 429) throw new RetryLater(60_000)
    if (status === 404) throw new DeadLetter('the chat is gone')
    if (status >= 500) throw new Error(`the bot answered ${status}`)
  })
}
