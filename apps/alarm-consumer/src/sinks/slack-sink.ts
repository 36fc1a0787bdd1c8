import type { SinkClient } from '../http/sink-client.ts'
import { alarmText } from '../text/alarm-text.ts'
import { fitText } from '../text/fit-text.ts'
import { htmlEscape } from '../text/html-escape.ts'
import { plainWords } from '../text/plain-words.ts'
import type { Alarm, AlarmSink } from './alarm-sink.ts'

/** Slack asks for at most 4,000 characters, and cuts at 40,000; Mattermost takes 4,000 by its oldest default. */
const RULES = { limit: 4_000, counts: 'sent', escape: htmlEscape } as const

/** A webhook of Slack's, or of what speaks its language, as Mattermost and Rocket.Chat do. */
export function createSlackSink(client: SinkClient, url: URL): AlarmSink {
  return {
    name: 'slack',
    alerts: true,
    send: (alarm, signal) => client.post(url, {}, slackBody(alarm), signal),
    close: () => client.close(),
  }
}

export function slackBody(alarm: Alarm): string {
  // Slack takes nothing but an unescaped `<…>` for more than text; the others know names and Markdown.
  return JSON.stringify({ text: fitText(plainWords(alarmText(alarm)), RULES), mrkdwn: false })
}
