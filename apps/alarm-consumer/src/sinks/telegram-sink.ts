import type { SinkClient } from '../http/sink-client.ts'
import { alarmText } from '../text/alarm-text.ts'
import { fitText } from '../text/fit-text.ts'
import { htmlEscape } from '../text/html-escape.ts'
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
    text: fitText(alarmText(alarm), RULES),
    parse_mode: 'HTML',
    link_preview_options: { is_disabled: true },
  })
}

/** Telegram says in the body of a 429 how long to wait, in seconds. */
export function telegramWaitMs(body: string): number | undefined {
  try {
    const { parameters } = JSON.parse(body) as { readonly parameters?: { readonly retry_after?: unknown } }
    const seconds = Number(parameters?.retry_after)
    return Number.isFinite(seconds) && seconds > 0 ? Math.ceil(seconds * 1_000) : undefined
  } catch {
    return undefined
  }
}
