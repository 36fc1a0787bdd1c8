import { openForeignBus } from './foreign-bus.ts'
import { describeCase, type ForeignCase, foreignCase } from './foreign-case.ts'
import { MAX_MESSAGE_BYTES } from './foreign-contracts.ts'
import { narrow } from './narrow.ts'
import { type BatchResult, runBatch } from './run-batch.ts'

export interface ForeignOptions {
  readonly broker: { readonly url: string; readonly port: number }
  readonly seed: number
  /** Which cases of the seed. */
  readonly indexes: readonly number[]
}

export interface ForeignReport {
  readonly stored: number
  readonly deadLetters: number
  readonly redriven: number
  /** What did not hold, and the fewest cases that it was seen with. Nothing runs after it. */
  readonly failure: string | undefined
}

/** The payload that a deployment's broker takes. */
export const FOREIGN_BROKER = { configText: 'jetstream { max_file: 1TB }\nmax_payload: 256KB' }
const BATCH = 300
/** Generous, for a loaded machine: a batch takes about a second. */
const DEADLINE_MS = 30_000
/** While the one case is looked for that a failed batch failed for. */
const NARROWING_DEADLINE_MS = 2_000

/** Writes the cases of a seed to one stream and holds each to its end. */
export async function runForeign({ broker, seed, indexes }: ForeignOptions): Promise<ForeignReport> {
  const total = { stored: 0, deadLetters: 0, redriven: 0 }
  const bus = await openForeignBus(broker)
  try {
    for (let from = 0; from < indexes.length; from += BATCH) {
      const batch = indexes.slice(from, from + BATCH).map((index) => foreignCase(seed, index, MAX_MESSAGE_BYTES))
      const result = await runBatch(bus, batch, { deadlineMs: DEADLINE_MS })
      if (result.violations.length > 0) return { ...total, failure: await explain(broker, seed, result, batch) }
      for (const name of ['stored', 'deadLetters', 'redriven'] as const) total[name] += result[name]
    }
  } finally {
    await bus.close()
  }
  return { ...total, failure: undefined }
}

async function explain(
  broker: ForeignOptions['broker'],
  seed: number,
  { violations }: BatchResult,
  batch: readonly ForeignCase[],
): Promise<string> {
  const named = new Set(violations.map(({ index }) => index))
  const suspects = batch.filter(({ index }) => named.has(index))
  const alone = await narrow(suspects.length > 0 ? suspects : batch, async (some) => {
    const bus = await openForeignBus(broker)
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
