import { expect, test } from 'vitest'
import { settingsOf } from '../dice.ts'
import { useBroker } from '../harness.ts'
import { FOREIGN_BROKER, runForeign } from './run-foreign.ts'

/**
 * `FUZZ_SEED=1 FUZZ_CASES=100000 pnpm exec vitest run test/foreign` repeats a seed, or runs longer; with
 * `FUZZ_ONLY=2,31` these cases of the seed run and no others.
 */
const { seed, cases } = settingsOf('FUZZ', 3_000)
const only = process.env['FUZZ_ONLY']?.split(',').map(Number)
const indexes = only ?? Array.from({ length: cases }, (_, index) => index)
/** Beside what is asked for, for a failure to be narrowed down. */
const LIMIT_MS = 300_000 + cases * 50

const broker = useBroker(FOREIGN_BROKER)

test(
  `${indexes.length} foreign messages: each is handled once or one dead letter with its bytes`,
  { timeout: LIMIT_MS },
  async () => {
    console.info(`foreign messages: FUZZ_SEED=${seed} FUZZ_CASES=${cases}`)
    const { failure, ...total } = await runForeign({ broker: broker.current, seed, indexes })
    if (failure !== undefined) expect.fail(failure)
    console.info(`foreign messages: ${JSON.stringify(total)}`)
    if (only) return
    // A generator whose messages are all refused, or all handled, would prove nothing.
    expect(total.stored).toBeGreaterThan(cases / 2)
    expect(total.deadLetters).toBeGreaterThan(cases / 4)
  },
)
