/** JSON as a person reads it; anything else as it is. Always shown as text. */
export function prettyJson(value: unknown): string {
  return JSON.stringify(value, null, 2) ?? String(value)
}

export function prettyText(text: string): string {
  try {
    return prettyJson(JSON.parse(text))
  } catch {
    return text
  }
}

/** A value of a configuration in one line. */
export function shortValue(value: unknown): string {
  if (value === undefined || value === null) return '–'
  if (typeof value === 'string') return value === '' ? '""' : value
  return JSON.stringify(value)
}
