/** Fields whose values never reach a log line, whatever their case. */
const SECRET_FIELDS = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'password',
  'pass',
  'token',
  'nkeyseed',
  'secret',
  'idempotency-key',
  'idempotencykey',
])
const CENSOR = '[redacted]'
/** Deeper objects are left out altogether rather than trusted. */
const MAX_DEPTH = 6

/**
 * The fields of a log line without secrets, at any depth. A flat line costs next to nothing, and that is what lines of
 * handled messages are: pino's own wildcard paths made each of them ten times as expensive.
 */
export function redact(fields: Record<string, unknown>): Record<string, unknown> {
  return redactedObject(fields, 0) as Record<string, unknown>
}

/** The object itself where there is nothing to hide, else a copy. */
function redactedObject(object: object, depth: number): object | string {
  if (depth > MAX_DEPTH) return CENSOR
  let copy: Record<string, unknown> | undefined
  for (const [key, value] of Object.entries(object)) {
    const clean = SECRET_FIELDS.has(key.toLowerCase()) ? CENSOR : redactedValue(value, depth)
    if (clean === value) continue
    copy ??= { ...object }
    copy[key] = clean
  }
  return copy ?? object
}

/** Only plain objects and arrays are looked into: errors, dates and the like have serializers. */
function redactedValue(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    const clean = value.map((entry) => redactedValue(entry, depth + 1))
    return clean.some((entry, index) => entry !== value[index]) ? clean : value
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null ? redactedObject(value, depth + 1) : value
}
