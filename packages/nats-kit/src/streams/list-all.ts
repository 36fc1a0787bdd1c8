import { type ApiError, type ConsumerInfo, JetStreamApiError, type StreamInfo } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import { errorText, KitError, KitErrorCode } from '../errors.ts'
import { JetStreamCode } from '../jetstream-codes.ts'

const REQUEST_TIMEOUT_MS = 5_000
/** Names that an error shows; there may be thousands. */
const SHOWN_NAMES = 5

interface Page {
  readonly error?: ApiError
  readonly total?: number
  readonly streams?: readonly StreamInfo[] | null
  readonly consumers?: readonly ConsumerInfo[] | null
  /** Those whose leader did not answer in time; the client's own list leaves them out without a word. */
  readonly missing?: readonly string[] | null
  /** Those that this version of the server cannot run, each with a reason. */
  readonly offline?: Readonly<Record<string, string>> | null
}

/**
 * All streams of the account.
 *
 * @throws KitError `broker_unavailable` where the broker does not say how each of them is, as without a leader;
 * `permission_denied`.
 */
export function listStreams(client: NatsConnection): Promise<readonly StreamInfo[]> {
  return listAll(client, 'streams', '$JS.API.STREAM.LIST', ({ streams }) => streams ?? [])
}

/** All consumers of a stream; none where the stream is not there. @throws KitError as {@link listStreams}. */
export async function listConsumers(client: NatsConnection, stream: string): Promise<readonly ConsumerInfo[]> {
  const subject = `$JS.API.CONSUMER.LIST.${stream}`
  return listAll(client, `the consumers of ${stream}`, subject, ({ consumers }) => consumers ?? [])
}

async function listAll<T>(
  client: NatsConnection,
  what: string,
  subject: string,
  read: (page: Page) => readonly T[],
): Promise<readonly T[]> {
  const found: T[] = []
  for (;;) {
    const page = await ask(client, what, subject, found.length)
    if (page.error?.err_code === JetStreamCode.StreamNotFound) return []
    if (page.error) throw failed(what, new JetStreamApiError(page.error))
    const unseen = [...(page.missing ?? []), ...Object.keys(page.offline ?? {})]
    if (unseen.length > 0) throw failed(what, new Error(`no answer for ${shown(unseen)}, as while there is no leader`))
    const some = read(page)
    found.push(...some)
    if (some.length === 0 || found.length >= (page.total ?? 0)) return found
  }
}

async function ask(client: NatsConnection, what: string, subject: string, offset: number): Promise<Page> {
  try {
    const answer = await client.request(subject, JSON.stringify({ offset }), { timeout: REQUEST_TIMEOUT_MS })
    return answer.json<Page>()
  } catch (error) {
    throw failed(what, error)
  }
}

function failed(what: string, error: unknown): KitError {
  const text = errorText(error)
  const denied = /permissions violation/i.test(text)
  const code = denied ? KitErrorCode.PermissionDenied : KitErrorCode.BrokerUnavailable
  return new KitError(code, `${what} cannot be listed: ${denied ? `this user may not (${text})` : text}`, {
    cause: error,
  })
}

function shown(names: readonly string[]): string {
  const more = names.length - SHOWN_NAMES
  return names.slice(0, SHOWN_NAMES).join(', ') + (more > 0 ? ` and ${more} more` : '')
}
