import {
  checkToPublish,
  InvalidMessage,
  type MessageIssue,
  parseReceived,
  type RequestPart,
} from '@alarm-bus/contracts'
import type { SizedText } from '../codec/sized-text.ts'

const decoder = new TextDecoder('utf-8', { fatal: true })

/** What does not fit, as issues: the caller knows whose mistake it is. */
export type Encoded = { readonly sized: SizedText } | { readonly issues: readonly MessageIssue[] }

/** One direction of a request as it goes over the wire: checked strictly, then JSON. */
export function encodePart(part: RequestPart, value: unknown): Encoded {
  const checked = checkToPublish(part, value)
  if (!checked.ok) return checked
  // A response of nothing at all is null over the wire.
  const text = JSON.stringify(checked.message ?? null)
  const byteLength = Buffer.byteLength(text)
  if (byteLength <= part.maxBytes) return { sized: { text, byteLength } }
  return { issues: [tooLarge(byteLength, part)] }
}

/** The other way, checked leniently; bytes that are too many are not looked at. */
export function decodePart(part: RequestPart, bytes: Uint8Array): unknown {
  if (bytes.length > part.maxBytes) return new InvalidMessage([tooLarge(bytes.length, part)])
  let value: unknown
  try {
    value = JSON.parse(decoder.decode(bytes))
  } catch (error) {
    return new InvalidMessage([{ path: '', code: 'not_json', message: `not JSON: ${(error as Error).message}` }])
  }
  return parseReceived(part, value)
}

export const TOO_LARGE = 'too_large'

function tooLarge(byteLength: number, { maxBytes }: RequestPart): MessageIssue {
  return { path: '', code: TOO_LARGE, message: `${byteLength} bytes, ${maxBytes} are allowed` }
}

/** The issues in one line. */
export function issuesText(issues: readonly MessageIssue[]): string {
  return issues.map(({ path, message }) => `${path || '/'}: ${message}`).join('; ')
}
