import { setTimeout as sleep } from 'node:timers/promises'
import { wholeMs } from '../checked-options.ts'

export interface WaitOptions {
  /** When to give up, in milliseconds. Default 10,000. */
  readonly deadlineMs?: number
  /** Between two looks, in milliseconds. Default 20. */
  readonly everyMs?: number
  /** What is waited for, in the error. */
  readonly what?: string
}

/**
 * Waits until the condition gives something truthy, and returns it. A condition that throws is not met yet; its last
 * error is the cause when time runs out.
 *
 * @throws Error when time runs out; KitError `invalid_options` for times that are no whole milliseconds from 0.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<Exclude<Awaited<T>, false | undefined | null | 0 | ''>> {
  const { deadlineMs = 10_000, everyMs = 20, what = 'the condition' } = options
  wholeMs('deadlineMs', deadlineMs, 0)
  wholeMs('everyMs', everyMs, 0)
  const endsAt = performance.now() + deadlineMs
  let last: unknown
  for (;;) {
    try {
      const value = await condition()
      if (value) return value as Exclude<Awaited<T>, false | undefined | null | 0 | ''>
      last = undefined
    } catch (error) {
      last = error
    }
    if (performance.now() > endsAt) {
      throw new Error(`${what} did not come true within ${deadlineMs} ms`, last === undefined ? {} : { cause: last })
    }
    await sleep(everyMs)
  }
}
