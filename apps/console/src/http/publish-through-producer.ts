import { Problem, type ProblemIssue, badRequest } from '@alarm-bus/service'
import type { Published } from '../api.ts'

const TIMEOUT_MS = 30_000

export interface ProducerAddress {
  readonly url: string
  readonly key: string | undefined
}

export type Publish = (
  channel: string,
  message: unknown,
  id: string | undefined,
  requestId: string,
) => Promise<Published>

/**
 * Publishes as any client of the producer does: the console's own account on the broker may not publish on the apps'
 * channels.
 */
export function publishThroughProducer({ url, key }: ProducerAddress): Publish {
  return async (channel, message, id, requestId) => {
    let response: Response
    try {
      response = await fetch(new URL(`/channels/${channel}/messages`, url), {
        method: 'POST',
        body: JSON.stringify(message ?? null),
        headers: {
          'content-type': 'application/json',
          'x-request-id': requestId,
          ...(id !== undefined && { 'idempotency-key': id }),
          ...(key !== undefined && { authorization: `Bearer ${key}` }),
        },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
    } catch (cause) {
      throw refused(503, `the producer at ${url} does not answer`, cause)
    }
    const body = (await response.json().catch(() => ({}))) as Partial<Published> & {
      readonly detail?: string
      readonly errors?: readonly ProblemIssue[]
    }
    if (response.status === 202) {
      const { id: messageId = '', stream = '', seq = 0, duplicate = false } = body
      return { id: messageId, stream, seq, duplicate }
    }
    const detail = (body.detail ?? `the producer answered ${response.status}`).slice(0, 512)
    if (response.status === 400) throw badRequest(detail, (body.errors ?? []).map(atMessage))
    throw refused(response.status === 503 ? 503 : 502, detail)
  }
}

/** In what the page sent the message is a member. */
function atMessage(issue: ProblemIssue): ProblemIssue {
  return issue.in === 'body' ? { ...issue, path: `/message${issue.path}` } : issue
}

function refused(status: number, detail: string, cause?: unknown): Problem {
  const title = 'The message was not published'
  return new Problem({ status, slug: 'not-published', title, detail, ...(cause !== undefined && { cause }) })
}
