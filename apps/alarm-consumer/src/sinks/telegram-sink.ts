import { objectOf, parseObject } from '../http/json-object.ts'
import type { SinkClient } from '../http/sink-client.ts'
import { alarmText } from '../text/alarm-text.ts'
import { fitText } from '../text/fit-text.ts'
import { htmlEscape } from '../text/html-escape.ts'
import { plainWords } from '../text/plain-words.ts'
import type { Alarm, AlarmSink } from './alarm-sink.ts'

/** Counted by Telegram once the markup is read. */
const RULES = { limit: 4_096, counts: 'seen', escape: htmlEscape } as const

export interface TelegramOptions {
  /** `https://api.telegram.org`, or a bot API server of one's own. */
  readonly apiUrl: URL
  readonly token: string
  readonly chatId: string
}

export function createTelegramSink(client: SinkClient, { apiUrl, token, chatId }: TelegramOptions): AlarmSink {
  const url = new URL(`${apiUrl.href.replace(/\/$/, '')}/bot${token}/sendMessage`)
  return {
    name: 'telegram',
    alerts: true,
    send: (alarm, signal) => client.post(url, {}, telegramBody(alarm, chatId), signal),
    close: () => client.close(),
  }
}

export function telegramBody(alarm: Alarm, chatId: string): string {
  return JSON.stringify({
    chat_id: chatId,
    // A name calls who has it, and no setting forbids that.
    text: fitText(plainWords(alarmText(alarm)), RULES),
    parse_mode: 'HTML',
    link_preview_options: { is_disabled: true },
  })
}

/** A group that became a supergroup has another id, and Telegram says which. */
export function telegramHint(body: string): string | undefined {
  const id = objectOf(parseObject(body)['parameters'])['migrate_to_chat_id']
  if (!Number.isSafeInteger(id)) return undefined
  return `; its group is a supergroup now, with another id: set ALARM_TELEGRAM_CHAT_ID=${id as number}`
}
