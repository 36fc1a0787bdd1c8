const decoder = new TextDecoder('utf-8', { fatal: true })

/**
 * The value that a message is ordered by; undefined for bytes that have none, which are no message of the channel. Never
 * throws.
 */
export function messageKey(field: string, bytes: Uint8Array): string | undefined {
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes))
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, field)) return undefined
    const key = (value as Record<string, unknown>)[field]
    return typeof key === 'string' || typeof key === 'number' ? String(key) : undefined
  } catch {
    return undefined
  }
}
