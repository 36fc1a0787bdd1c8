import { describe, expect, test } from 'vitest'
import type { Alarm } from './alarm-sink.ts'
import { discordBody } from './discord-sink.ts'
import { slackBody } from './slack-sink.ts'
import { telegramBody, telegramHint } from './telegram-sink.ts'
import { webhookId } from './webhook-sink.ts'

const storedAt = new Date(1_700_000_000_000)
const alarm = (message: string): Alarm => ({
  channel: 'c',
  message,
  id: undefined,
  stream: 'S',
  seq: 7,
  storedAt,
  deliveryCount: 1,
})

describe('slack', () => {
  const text = (message: string): string => (JSON.parse(slackBody(alarm(message))) as { text: string }).text

  test('escapes &, < and >, and formats nothing', () => {
    expect(text('a<b>&<!channel> <@U1> *bold*')).toBe('[c] a&lt;b&gt;&amp;&lt;!channel&gt; &lt;@\u200bU1&gt; *bold*')
    expect(JSON.parse(slackBody(alarm('x')))).toEqual({ text: '[c] x', mrkdwn: false })
  })

  test('mentions no one by a bare name, and hides no address', () => {
    expect(text('@channel_ @Here @all @everyone @user ![x](https://a.b)')).toBe(
      '[c] @\u200bchannel_ @\u200bHere @\u200ball @\u200beveryone @\u200buser ![x]\u200b(https://a.b)',
    )
  })

  test('at most 4,000 characters as they are sent', () => {
    expect(text('<'.repeat(60_000)).length).toBeLessThanOrEqual(4_000)
    expect(text('한'.repeat(60_000))).toBe(`[c] ${'한'.repeat(3_995)}…`)
  })
})

describe('discord', () => {
  const content = (message: string): string =>
    (JSON.parse(discordBody(alarm(message))) as { content: string }).content.replace(String.raw`\[c\] `, '')

  test('mentions no one', () => {
    expect(JSON.parse(discordBody(alarm('@everyone')))).toEqual({
      content: String.raw`\[c\] @everyone`,
      allowed_mentions: { parse: [] },
    })
  })

  test.each([
    ['*a* _b_ ~~c~~ `d` ||e||', String.raw`\*a\* \_b\_ \~\~c\~\~ \`d\` \|\|e\|\|`],
    ['<@1> <#2> <:x:3> [a](b)', String.raw`\<@1> \<#2> \<:x:3> \[a\](b)`],
    [String.raw`back\slash`, String.raw`back\\slash`],
    ['x\n# heading\n  > quote\n- item 1-2', 'x\n\\# heading\n  \\> quote\n\\- item 1-2'],
    ['https://a.b/c_d*e?f=[g] h_i', String.raw`https://a.b/c_d*e?f=[g] h\_i`],
    ['1️⃣ *️⃣ #️⃣ 👨‍👩‍👧‍👦 한글', '1️⃣ *️⃣ #️⃣ 👨‍👩‍👧‍👦 한글'],
  ])('%s', (message, expected) => {
    expect(content(message)).toBe(expected)
  })

  test('at most 2,000 characters as they are sent', () => {
    for (const message of ['*'.repeat(5_000), '🔥'.repeat(5_000), `https://a.b/${'_'.repeat(5_000)}`]) {
      const { content: sent } = JSON.parse(discordBody(alarm(message))) as { content: string }
      expect(sent.length).toBeLessThanOrEqual(2_000)
      expect(sent.length).toBeGreaterThan(1_990)
      expect(sent).not.toMatch(/(^|[^\\])\\…$/)
    }
  })
})

describe('telegram', () => {
  test('is HTML with its markup escaped, at most 4,096 characters as they are seen', () => {
    expect(JSON.parse(telegramBody(alarm('<b>&'), '-100'))).toEqual({
      chat_id: '-100',
      text: '[c] &lt;b&gt;&amp;',
      parse_mode: 'HTML',
      link_preview_options: { is_disabled: true },
    })
    const { text } = JSON.parse(telegramBody(alarm('&'.repeat(9_000)), '1')) as { text: string }
    expect(text).toBe(`[c] ${'&amp;'.repeat(4_091)}…`)
  })

  test('mentions no one by name', () => {
    const { text } = JSON.parse(telegramBody(alarm('@user'), '1')) as { text: string }
    expect(text).toBe('[c] @\u200buser')
  })

  test('finds the id of a group that has moved, and says nothing else of what was answered', () => {
    expect(telegramHint('{"ok":false,"parameters":{"migrate_to_chat_id":-1001234567890}}')).toContain('=-1001234567890')
    for (const id of ['"-100"', '1.5', '1e300', 'null', '{}'])
      expect(telegramHint(`{"parameters":{"migrate_to_chat_id":${id}}}`)).toBeUndefined()
    for (const body of ['', 'null', '{}', '{"parameters":7}']) expect(telegramHint(body)).toBeUndefined()
  })
})

test('a webhook’s id is the same at each delivery, and another in a recreated stream', () => {
  expect(webhookId(alarm('a'))).toBe('S.7.1700000000000')
  expect(webhookId({ ...alarm('a'), deliveryCount: 2 })).toBe('S.7.1700000000000')
})
