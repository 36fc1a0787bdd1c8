import { expect, test } from 'vitest'
import { settingsOf } from '../dice.ts'
import { onEnd } from '../harness.ts'
import { runModel } from './run-model.ts'

/** `MODEL_SEED=1 MODEL_CASES=10 pnpm exec vitest run test/model` repeats a seed, or runs a longer history of it. */
const { seed, cases: rounds } = settingsOf('MODEL', 3)
/** A round takes some ten seconds; on a loaded machine the last ones are left out. */
const FOR_MS = 10_000 + rounds * 8_000
/** Beside what the history may take: to heal, to wait for every end, and for probes that fail. */
const LIMIT_MS = FOR_MS + 300_000

test.each(['any fault', 'last deliveries'] as const)(
  '%s: what was acknowledged is handled, or one dead letter, or pending; and ready is never deaf',
  { timeout: LIMIT_MS },
  async (kind) => {
    console.info(`model, ${kind}: MODEL_SEED=${seed} MODEL_CASES=${rounds}`)
    const { failure, acked, deadLetters } = await runModel({ onEnd, kind, seed, rounds, forMs: FOR_MS })
    console.info(`model, ${kind}: ${acked} acknowledged, ${deadLetters} dead letters`)
    if (failure !== undefined) expect.fail(failure)
    expect(acked).toBeGreaterThan(0)
  },
)
