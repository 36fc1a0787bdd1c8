import { expect, test } from 'vitest'
import { settingsOf } from '../dice.ts'
import { onEnd } from '../harness.ts'
import { runModel } from './run-model.ts'

/** `MODEL_SEED=1 MODEL_CASES=10 pnpm exec vitest run test/model` repeats a seed, or runs a longer history of it. */
const { seed, cases: rounds } = settingsOf('MODEL', 3)
/** A round takes some ten seconds; on a loaded machine the last ones are left out. */
const FOR_MS = 20_000 + rounds * 10_000
/** Beside what the history may take: to heal, to wait for every end, and for probes that fail. */
const LIMIT_MS = FOR_MS + 300_000

test(
  'whatever happens: acknowledged is handled, or one dead letter, or pending; and ready is never deaf',
  { timeout: LIMIT_MS },
  async () => {
    console.info(`model: MODEL_SEED=${seed} MODEL_CASES=${rounds}`)
    const { violations, history, acked, deadLetters } = await runModel({ onEnd, seed, rounds, forMs: FOR_MS })
    console.info(`model: ${acked} acknowledged, ${deadLetters} dead letters`)
    if (violations.length > 0) {
      expect.fail(
        [`MODEL_SEED=${seed}:`, ...violations.map((what) => `- ${what}`), 'The history:', ...history].join('\n'),
      )
    }
    expect(acked).toBeGreaterThan(0)
  },
)
