import { type ApiError, JetStreamApiError, type StreamInfo } from '@nats-io/jetstream'
import type { Connection } from '../connection/connection.ts'
import { errorText, KitError, KitErrorCode } from '../errors.ts'
import { JetStreamCode } from '../jetstream-codes.ts'

const REQUEST_TIMEOUT_MS = 5_000

type Answer = StreamInfo & { readonly error?: ApiError }

/**
 * A stream as the broker has it; undefined where there is none. With `subjects` the answer counts the messages of those
 * subjects in `state.subjects`, the first 100,000 of them: the broker does nothing else meanwhile, so of a stream with a
 * subject for each message ask for few.
 *
 * @throws KitError `broker_unavailable` or `permission_denied`.
 */
export async function lookAtStream(
  { client }: Pick<Connection, 'client'>,
  stream: string,
  subjects?: string,
): Promise<StreamInfo | undefined> {
  const query = subjects === undefined ? '' : JSON.stringify({ subjects_filter: subjects })
  const subject = `$JS.API.STREAM.INFO.${stream}`
  let answer: Answer
  try {
    answer = (await client.request(subject, query, { timeout: REQUEST_TIMEOUT_MS })).json<Answer>()
  } catch (error) {
    const text = errorText(error)
    const denied = /permissions violation/i.test(text)
    const code = denied ? KitErrorCode.PermissionDenied : KitErrorCode.BrokerUnavailable
    throw new KitError(code, `stream ${stream} cannot be looked up: ${text}`, { cause: error })
  }
  if (answer.error?.err_code === JetStreamCode.StreamNotFound) return undefined
  if (answer.error) {
    const { message } = new JetStreamApiError(answer.error)
    throw new KitError(KitErrorCode.BrokerUnavailable, `stream ${stream} cannot be looked up: ${message}`)
  }
  return answer
}
