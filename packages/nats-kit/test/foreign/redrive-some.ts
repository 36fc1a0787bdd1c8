import { isDeepStrictEqual } from 'node:util'
import { type DeadLetterEntry, redriveDeadLetters, redriveStreamName, showDeadLetter } from '../../src/admin.ts'
import { waitFor } from '../../src/testing.ts'
import { manager } from '../harness.ts'
import type { ForeignApp, Run } from './foreign-app.ts'
import type { ForeignBus } from './foreign-bus.ts'
import type { StoredCase, Violation } from './foreign-case.ts'
import { isSame, originalOf } from './original-of.ts'

/** Of one app and batch; one after another, each takes a few requests. */
const MOST = 40

/**
 * Redrives an app's first dead letters while its handler succeeds. What the handler had been given before reaches it
 * again, the same message with the same headers; the rest is a dead letter again, with the same bytes.
 */
export async function redriveSome(
  bus: ForeignBus,
  app: ForeignApp,
  stored: readonly StoredCase[],
  deadlineMs: number,
): Promise<{ readonly redriven: number; readonly violations: readonly Violation[] }> {
  const stream = bus.stream.name
  const indexOf = new Map(stored.map(({ seq, index }) => [seq, index]))
  const violations: Violation[] = []
  const violation = (seq: number, what: string): void => {
    const index = indexOf.get(seq)
    violations.push({ what: `${app.name}: redriven: ${what}`, ...(index === undefined ? {} : { index }) })
  }
  const before = new Map(app.runs.map((run) => [run.seq, run]))
  const sent: DeadLetterEntry[] = []
  app.runs.length = 0
  app.heal()
  try {
    await redriveDeadLetters(
      bus.admin,
      stream,
      { consumer: app.consumer, limit: MOST },
      {
        dryRun: false,
        ratePerSecond: 10_000,
        onOutcome: (outcome) => {
          if (outcome.action === 'redriven') sent.push(outcome.letter)
          else violation(outcome.letter.original.seq, JSON.stringify(outcome))
        },
      },
    )
    const { streams } = await manager(bus.admin)
    const isRead = async () => (await streams.info(redriveStreamName(stream))).state.messages === 0
    await waitFor(isRead, { deadlineMs, what: `an end for what was redriven to ${app.consumer}` })
  } catch (error) {
    return { redriven: sent.length, violations: [...violations, { what: String(error) }] }
  } finally {
    app.unheal()
  }
  const again = await bus.deadLetters(app)
  for (const { original } of sent) {
    const runs = app.runs.filter(({ seq }) => seq === original.seq)
    const dead = again.filter((entry) => entry.original.seq === original.seq)
    const earlier = before.get(original.seq)
    if (runs.length + dead.length !== 1) violation(original.seq, `${runs.length} runs, ${dead.length} dead letters`)
    else if (runs[0] && earlier && !isSameRun(runs[0], earlier)) {
      violation(original.seq, `the handler was given ${JSON.stringify(runs[0])} and before ${JSON.stringify(earlier)}`)
    } else if (dead[0]) {
      if (earlier) violation(original.seq, `it did not reach the handler: ${dead[0].reason}, ${dead[0].error}`)
      if (dead[0].redrives !== 1) violation(original.seq, `the dead letter counts ${dead[0].redrives} redrives, not 1`)
      const [deadLetter, message] = await Promise.all([
        showDeadLetter(bus.admin, stream, dead[0].seq),
        bus.stored(original.seq),
      ])
      if (!deadLetter || !message || !isSame(originalOf(deadLetter), message))
        violation(original.seq, 'the second dead letter has other bytes than the original')
    }
  }
  return { redriven: sent.length, violations }
}

function isSameRun(run: Run, earlier: Run): boolean {
  return isDeepStrictEqual([run.message, run.headers], [earlier.message, earlier.headers])
}
