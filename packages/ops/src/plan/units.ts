const DURATIONS = new Set(['max_age', 'duplicate_window', 'ack_wait', 'inactive_threshold', 'idle_heartbeat'])
const BYTES = new Set(['max_bytes', 'max_msg_size'])
/** Where the server writes "no limit" as -1, and as 0 for ages. */
const LIMITS = new Set([...BYTES, 'max_age', 'max_msgs', 'max_msgs_per_subject', 'max_ack_pending', 'max_deliver'])

const NS_UNITS = [
  [86_400e9, 'd'],
  [3_600e9, 'h'],
  [60e9, 'min'],
  [1e9, 's'],
  [1e6, 'ms'],
] as const
const BYTE_UNITS = [
  [1024 ** 3, 'GiB'],
  [1024 ** 2, 'MiB'],
  [1024, 'KiB'],
] as const

/** A field's value for people: `7 d`, `1.5 GiB`, `100,000`, `no limit`. */
export function showValue(field: string, value: unknown): string {
  if (value === null) return 'unset'
  if (typeof value !== 'number') return JSON.stringify(value)
  if (LIMITS.has(field) && (value === -1 || (value === 0 && field === 'max_age'))) return 'no limit'
  if (DURATIONS.has(field)) return inUnits(value, NS_UNITS, 'ns')
  return BYTES.has(field) ? showBytes(value) : showCount(value)
}

export function showBytes(bytes: number): string {
  return inUnits(bytes, BYTE_UNITS, 'B')
}

export function showCount(count: number): string {
  return count.toLocaleString('en-US')
}

export function showMessages(count: number): string {
  return `${showCount(count)} ${count === 1 ? 'message' : 'messages'}`
}

/** In the largest unit of which it has one, to two places: rounded, so a value that is not whole has the exact one behind it. */
function inUnits(value: number, units: readonly (readonly [number, string])[], smallest: string): string {
  const [size, unit] = units.find(([each]) => value >= each) ?? [1, smallest]
  const shown = Number((value / size).toFixed(2))
  const exact = shown * size === value ? '' : ` (${showCount(value)} ${smallest})`
  return `${shown.toLocaleString('en-US')} ${unit}${exact}`
}
