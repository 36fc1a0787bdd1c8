import { expect, test } from 'vitest'
import { alertLine } from './alert-text.ts'
import { began, type Trouble } from './trouble.ts'

const AT = Date.parse('2026-01-02T03:04:05Z')
const trouble = (of: Partial<Trouble>): Trouble => ({
  ...began({ kind: 'deadLetters', stream: 'S', consumer: 'app_channel', reason: 'handler_gave_up' }, 1, AT, AT, {
    pauseMs: 1_000,
  }),
  ...of,
})

test('says how many, since when, and the command that shows them', () => {
  const command = '`pnpm ops dlq list --stream S --consumer app_channel --reason handler_gave_up`'
  expect(alertLine(trouble({}), 'began', 1)).toBe(
    `1 dead letter of app_channel of S (handler_gave_up) since 2026-01-02 03:04 UTC. Show them: ${command}`,
  )
  expect(alertLine(trouble({ told: 1, toldCount: 3 }), 'goesOn', 10)).toBe(
    `7 more dead letters of app_channel of S (handler_gave_up), 10 since 2026-01-02 03:04 UTC. Show them: ${command}`,
  )
  expect(alertLine(trouble({}), 'over', 10)).toBe(
    `Over: no new dead letters of app_channel of S (handler_gave_up). There were 10, from 2026-01-02 03:04 UTC to 2026-01-02 03:04 UTC; those that are kept: ${command}`,
  )
})

test.each(['$(reboot)', '`reboot`', ';reboot', '--all', '-x', "it's", 'a b', 'ä'])(
  'what a shell or the command would read as more than a name is in no command: %s',
  (consumer) => {
    const line = alertLine(trouble({ consumer, reason: consumer }), 'began', 1)
    expect(line).toContain(`dead letter of ${consumer} of S (${consumer})`)
    expect(line).toMatch(/Show them: `pnpm ops dlq list --stream S`$/)
  },
)

test('is one line of bounded length, without what cannot be seen', () => {
  const hostile = `a\n\r\u2028\u202e\u200b\u0000${'x'.repeat(10_000)}\ud800`
  const line = alertLine(trouble({ consumer: hostile, reason: hostile }), 'began', 1)
  expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
  expect(line.length).toBeLessThan(500)
})

test('every kind has its words, at the beginning, in between and at the end', () => {
  const lines = (['missed', 'stalled', 'full'] as const).flatMap((kind) =>
    (['began', 'goesOn', 'over'] as const).map((due) =>
      alertLine(trouble({ kind, reason: '', toldCount: 1 }), due, 90),
    ),
  )
  for (const [index, start] of [
    'At least 90 messages left the stream before app_channel of S read them',
    'At least 89 more messages left the stream before app_channel of S read them',
    'Over: no more messages are lost on app_channel of S.',
    'app_channel of S stands still: 90 messages wait',
    'app_channel of S stands still: 90 messages wait',
    'Over: app_channel of S handles messages again.',
    'S is 90 % full',
    'S is 90 % full',
    'Over: S has space again.',
  ].entries())
    expect(lines[index]).toContain(start)
})
