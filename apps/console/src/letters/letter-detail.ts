import type { Contracts } from '@alarm-bus/contracts'
import { type StoredDeadLetter, DeadLetterHeader } from '@alarm-bus/nats-kit/admin'
import { HeaderName } from '@alarm-bus/nats-kit'
import type { Issue, Letter, LetterBody, LetterDetail } from '../api.ts'
import { hideSensitive, sensitivePaths } from '../http/hide-sensitive.ts'

const MAX_ISSUES = 100

export function toLetterDetail(
  stored: StoredDeadLetter,
  letter: Letter,
  others: readonly Letter[],
  contracts: Contracts,
  reveal: boolean,
): LetterDetail {
  const headers = stored.headers.lines
  const first = (name: string): string | null =>
    headers.find(([other]) => other.toLowerCase() === name.toLowerCase())?.[1] ?? null
  return {
    ...letter,
    issues: issuesOf(first(DeadLetterHeader.Issues)),
    headers,
    messageId: first(`Dead-Letter-Original-${HeaderName.MessageId}`) ?? first(HeaderName.MessageId),
    requestId: first(HeaderName.RequestId),
    traceId: /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(first('traceparent') ?? '')?.[1] ?? null,
    body: bodyOf(stored.original.data, letter.channel, contracts, reveal),
    others,
  }
}

function issuesOf(text: string | null): readonly Issue[] {
  try {
    const issues: unknown = JSON.parse(text ?? '[]')
    if (!Array.isArray(issues)) return []
    return issues.slice(0, MAX_ISSUES).map((issue: Partial<Record<keyof Issue, unknown>> | null) => ({
      path: String(issue?.path ?? ''),
      code: String(issue?.code ?? ''),
      message: String(issue?.message ?? ''),
    }))
  } catch {
    return []
  }
}

/**
 * What is no JSON may hold anything anywhere, so in a channel with sensitive fields none of it is shown; and of a channel that
 * is not declared any more nothing is known.
 */
export function bodyOf(data: Uint8Array, channel: string, contracts: Contracts, reveal: boolean): LetterBody {
  // Stored requests have a channel in their stream alone.
  const known = contracts.streams.flatMap(({ channels }) => channels).find(({ name }) => name === channel)
  const paths = reveal ? [] : known ? sensitivePaths(known.jsonSchema) : [[]]
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data)
  } catch {
    const shown = paths.length > 0 ? null : Buffer.from(data).toString('base64')
    return { text: shown, encoding: 'base64', hidden: [], isJson: false }
  }
  try {
    const { body, hidden } = hideSensitive(JSON.parse(text), paths)
    return { text: hidden.length > 0 ? JSON.stringify(body, null, 2) : text, encoding: 'utf8', hidden, isJson: true }
  } catch {
    return { text: paths.length > 0 ? null : text, encoding: 'utf8', hidden: [], isJson: false }
  }
}
