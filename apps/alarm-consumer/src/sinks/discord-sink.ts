import type { SinkClient } from '../http/sink-client.ts'
import { alarmText } from '../text/alarm-text.ts'
import { fitText, type TextRules } from '../text/fit-text.ts'
import type { Alarm, AlarmSink } from './alarm-sink.ts'

const RULES: TextRules = {
  limit: 2_000,
  counts: 'sent',
  escape: discordEscape,
  // Discord shows an address as it stands; a backslash would become part of it.
  verbatim: /https?:\/\/[^\s<>]+/g,
}

export function createDiscordSink(client: SinkClient, url: URL): AlarmSink {
  return {
    name: 'discord',
    alerts: true,
    send: (alarm, signal) => client.post(url, {}, discordBody(alarm), signal),
    close: () => client.close(),
  }
}

export function discordBody(alarm: Alarm): string {
  // Without `parse` a text mentions no one, whatever it holds.
  return JSON.stringify({ content: fitText(alarmText(alarm), RULES), allowed_mentions: { parse: [] } })
}

/** Markdown, and what makes a heading, a quotation or a list at the start of a line. A keycap emoji is no markdown. */
function discordEscape(character: string, atLineStart: boolean): string {
  if (character.endsWith('\u20e3')) return character
  if (atLineStart && /^[#>+-]/.test(character)) return `\\${character}`
  return character.replaceAll(/[\\*_~`|<[\]]/g, String.raw`\$&`)
}
