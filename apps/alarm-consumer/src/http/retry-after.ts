/**
 * The wait that a `Retry-After` asks for, in milliseconds: seconds, or an HTTP date. A date is compared with the
 * sender's own clock where it sent one, so that clocks that differ do no harm. The circuit holds it within bounds.
 *
 * @returns undefined for what is neither.
 */
export function retryAfterMs(value: string | undefined, dateHeader: string | undefined): number | undefined {
  if (value === undefined) return undefined
  const text = value.trim()
  if (/^\d{1,9}(\.\d{1,9})?$/.test(text)) return Math.ceil(Number(text) * 1_000)
  // The three forms of HTTP, the last of which does not say its zone; the parser alone takes much else.
  if (!/^[A-Z][a-z]{2,8}, [\w: -]+ GMT$|^[A-Z][a-z]{2} [A-Z][a-z]{2} [\d :]+$/.test(text)) return undefined
  const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`)
  if (Number.isNaN(at)) return undefined
  const sentAt = dateHeader === undefined ? Number.NaN : Date.parse(dateHeader)
  return Math.max(0, at - (Number.isNaN(sentAt) ? Date.now() : sentAt))
}
