import { Histogram, type Registry } from 'prom-client'

/** Seconds, from a statement on a local file to a call that waits out its time. */
const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15]

export interface TimerOptions {
  /** Without the prefix `alarm_bus_`; ends in `_duration_seconds`. */
  readonly name: string
  readonly help: string
  /** What tells the timed things apart: of a fixed few, never a caller's text. */
  readonly label: string
  /** A word for what was thrown, of a fixed few. Default `failed`. */
  readonly resultOf?: (error: unknown) => string
}

/** Runs, and writes down how long it took and how it ended: `ok`, or a word for its error. */
export type Timer = <T>(of: string, run: () => Promise<T>) => Promise<T>

export function createTimer(registry: Registry, options: TimerOptions): Timer {
  const { label, resultOf = () => 'failed' } = options
  const durations = new Histogram({
    name: `alarm_bus_${options.name}`,
    help: options.help,
    labelNames: [label, 'result'],
    buckets: BUCKETS_SECONDS,
    registers: [registry],
  })
  return async (of, run) => {
    const startedAt = performance.now()
    const end = (result: string): void =>
      durations.observe({ [label]: of, result }, (performance.now() - startedAt) / 1_000)
    try {
      const value = await run()
      end('ok')
      return value
    } catch (error) {
      end(resultOf(error))
      throw error
    }
  }
}
