import type { Row } from './row.ts'

/** Tasks that the raw client does too, on one broker. */
const TASKS: ReadonlySet<Row['task']> = new Set(['publish', 'publish-many', 'publish-stream', 'consume'])

/**
 * The rows for brokers on which each app has an account: kit and raw client through imports, and the raw client within the
 * account of the streams, whose rate the kit is to reach.
 */
export function inAccounts(rows: readonly Row[]): readonly Row[] {
  return rows
    .filter((row) => row.brokers === 1 && TASKS.has(row.task) && row.goal.kind === 'rate')
    .map((row) => ({
      ...row,
      title: `${row.title}, from an account of its own`,
      contenders: ['kit', 'raw', 'raw-one-account'],
      goal: { kind: 'rate', atLeast: 1, orSaturated: false },
    }))
}
