const DAY_MS = 24 * 60 * 60 * 1000

/**
 * Whether a default is computed for each message: another one each time that it is asked for, or the present time. zod
 * does not say whether it was given a value or a function.
 */
export function isComputed(read: () => unknown): boolean {
  const [one, other] = [read(), read()]
  if (JSON.stringify(one) !== JSON.stringify(other)) return true
  return holdsThePresent(one, Date.now())
}

function holdsThePresent(value: unknown, nowMs: number): boolean {
  if (typeof value === 'object' && value !== null)
    return Object.values(value).some((one) => holdsThePresent(one, nowMs))
  const isNow = (ms: number): boolean => Math.abs(ms - nowMs) <= DAY_MS
  if (typeof value === 'number') return isNow(value) || isNow(value * 1000)
  return typeof value === 'string' && /^\d{4}-\d{2}-\d{2}/.test(value) && isNow(Date.parse(value))
}
