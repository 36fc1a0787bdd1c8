import { UsageError } from '../config.ts'

const UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/**
 * `90s`, `30m`, `1h`, `7d` or `500ms` in milliseconds.
 *
 * @throws UsageError that names the flag.
 */
export function readDuration(flag: string, text: string): number {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text)
  if (!match) throw new UsageError(`--${flag} must be a time such as 90s, 30m, 1h or 7d, not ${JSON.stringify(text)}`)
  return Number(match[1]) * UNITS_MS[match[2] as keyof typeof UNITS_MS]
}
