import { expect, test } from 'vitest'
import { settingsOf } from '../dice.ts'
import { useBroker } from '../harness.ts'
import { openForeignBus } from './foreign-bus.ts'
import { describeCase, type ForeignCase, foreignCase } from './foreign-case.ts'
import { MAX_MESSAGE_BYTES } from './foreign-contracts.ts'
import { narrow } from './narrow.ts'
import { type BatchResult, runBatch } from './run-batch.ts'

/**
 * `FUZZ_SEED=1 FUZZ_CASES=100000 pnpm exec vitest run test/foreign` repeats a seed, or runs longer; with
 * `FUZZ_ONLY=2,31` these cases of the seed run and no others.
 */
const { seed, cases } = settingsOf('FUZZ', 3_000)
const only = process.env['FUZZ_ONLY']?.split(',').map(Number)
const indexes = only ?? Array.from({ length: cases }, (_, index) => index)
const BATCH = 300
/** Generous, for a loaded machine: a batch takes about a second. */
const DEADLINE_MS = 30_000
/** While the one case is looked for that a failed batch failed for. */
const NARROWING_DEADLINE_MS = 2_000
/** Beside what is asked for, for a failure to be narrowed down. */
const LIMIT_MS = 300_000 + cases * 50

/** The payload that a deployment's broker takes. */
const broker = useBroker({ configText: 'jetstream { max_file: 1TB }\nmax_payload: 256KB' })

test(
  `${indexes.length} foreign messages: each is handled once or one dead letter with its bytes`,
  { timeout: LIMIT_MS },
  async () => {
    console.info(`foreign messages: FUZZ_SEED=${seed} FUZZ_CASES=${cases}`)
    const bus = await openForeignBus(broker.current)
    const total = { stored: 0, deadLetters: 0, redriven: 0 }
    try {
      for (let from = 0; from < indexes.length; from += BATCH) {
        const batch = indexes.slice(from, from + BATCH).map((index) => foreignCase(seed, index, MAX_MESSAGE_BYTES))
        const result = await runBatch(bus, batch, { deadlineMs: DEADLINE_MS })
        if (result.violations.length > 0) expect.fail(await explain(result, batch))
        for (const name of ['stored', 'deadLetters', 'redriven'] as const) total[name] += result[name]
      }
    } finally {
      await bus.close()
    }
    console.info(`foreign messages: ${JSON.stringify(total)}`)
    if (only) return
    // A generator whose messages are all refused, or all handled, would prove nothing.
    expect(total.stored).toBeGreaterThan(cases / 2)
    expect(total.deadLetters).toBeGreaterThan(cases / 4)
  },
)

async function explain({ violations }: BatchResult, batch: readonly ForeignCase[]): Promise<string> {
  const named = new Set(violations.map(({ index }) => index))
  const suspects = batch.filter(({ index }) => named.has(index))
  const alone = await narrow(suspects.length > 0 ? suspects : batch, async (some) => {
    const bus = await openForeignBus(broker.current)
    try {
      return (await runBatch(bus, some, { deadlineMs: NARROWING_DEADLINE_MS })).violations
    } finally {
      await bus.close()
    }
  })
  return [
    `FUZZ_SEED=${seed}: ${violations.length} violations in cases ${batch[0]?.index} to ${batch.at(-1)?.index}; the first:`,
    ...violations.slice(0, 5).map(({ what, index }) => `- ${what}${index === undefined ? '' : ` (case ${index})`}`),
    ...(alone
      ? [
          `Alone fails (FUZZ_SEED=${seed} FUZZ_ONLY=${alone.cases.map(({ index }) => index).join(',')}):`,
          ...alone.cases.slice(0, 5).map(describeCase),
          ...alone.found.slice(0, 5).map(({ what }) => `- ${what}`),
        ]
      : ['None of them fails in a fresh stream; it may take several of them, or what came before.']),
  ].join('\n')
}
