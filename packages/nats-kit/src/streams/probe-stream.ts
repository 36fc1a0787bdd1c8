import { type NatsConnection, NoRespondersError, RequestError } from '@nats-io/transport-node'
import { EncodedHeaders, HeaderName, headerLine } from '../codec/headers.ts'
import { JetStreamCode } from '../jetstream-codes.ts'

const TIMEOUT_MS = 5_000
/** No stream can be called so. */
const NO_STREAM = 'probe.of.a.stream'

/**
 * Which stream stores what is published on a subject, asked by a message that it refuses: it is meant for another stream.
 * Nothing is stored. For apps that may publish there and not look the stream up: a look may ask for every subject, which
 * holds up the requests of all.
 *
 * @returns undefined where there is none.
 * @throws what the client throws, and Error for an answer that is none of a stream.
 */
export async function probeStream(client: NatsConnection, subject: string): Promise<string | undefined> {
  const headers = new EncodedHeaders(headerLine(HeaderName.ExpectedStream, NO_STREAM)) as never
  try {
    const answer = await client.request(subject, undefined, { headers, timeout: TIMEOUT_MS })
    const { stream, error } = Object(answer.json()) as {
      stream?: unknown
      error?: { err_code?: unknown; description?: unknown }
    }
    if (error?.err_code === JetStreamCode.StreamMismatch && typeof stream === 'string') return stream
    throw new Error(`what answers on ${subject} is not a stream: ${String(error?.description ?? 'no error')}`)
  } catch (error) {
    if (error instanceof RequestError && error.isNoResponders()) return undefined
    if (error instanceof NoRespondersError) return undefined
    throw error
  }
}
