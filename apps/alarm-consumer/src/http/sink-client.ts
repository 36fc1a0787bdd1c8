import { DeadLetter } from '@alarm-bus/nats-kit'
import { Agent, type Dispatcher, request } from 'undici'
import { SinkFailed } from '../sinks/sink-failed.ts'
import { bodyWaitMs } from './body-wait.ts'
import { guardedConnector } from './guarded-connector.ts'
import { retryAfterMs } from './retry-after.ts'
import { textOf } from './text-of.ts'

/** Connections of one sink at once; further requests wait for one. */
export const MAX_CONNECTIONS = 16
/** What is read of an answer; the rest is ignored. */
const MAX_ANSWER_BYTES = 16_384

export interface SinkClientOptions {
  /** The sink's name, the only thing that errors say of the address. */
  readonly sink: string
  readonly connectTimeoutMs: number
  /** From the request to the answer's status, and to the end of its body. */
  readonly totalTimeoutMs: number
  readonly mayBePrivate: (host: string) => boolean
  /** What a person should do about a refusal, found in its body, in words of its own: never what the receiver wrote. */
  readonly hintOf?: (body: string) => string | undefined
}

export interface SinkClient {
  /**
   * Posts once, follows no redirect.
   *
   * @throws SinkFailed without an answer, for 408, 429 and 5xx. DeadLetter for any other status that is not 2xx.
   */
  post(url: URL, headers: Readonly<Record<string, string>>, body: string, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

/** An HTTP client for one sink: bounded in connections, time and what it reads. */
export function createSinkClient(options: SinkClientOptions): SinkClient {
  const { sink, totalTimeoutMs } = options
  const dispatcher = new Agent({
    connect: guardedConnector(options),
    connections: MAX_CONNECTIONS,
    // A connection for each request: alarms are rare, and an idle connection that the other side has closed costs one.
    pipelining: 0,
    headersTimeout: totalTimeoutMs,
    bodyTimeout: totalTimeoutMs,
    maxResponseSize: MAX_ANSWER_BYTES,
  })
  return {
    async post(url, headers, body, signal) {
      const answer = await send(url, headers, body, signal)
      const { statusCode: status } = answer
      if (status === 429) throw await rateLimited(answer)
      if (status === 400 && options.hintOf) throw refused(status, options.hintOf(await textOf(answer.body)))
      // The answer has said all it has to; what else it sends is read to an end, within the bounds.
      void answer.body.dump({ limit: MAX_ANSWER_BYTES }).catch(() => undefined)
      if (status >= 200 && status < 300) return
      if (status === 408 || status >= 500) {
        throw new SinkFailed(`${sink} answered ${status}`, { retryAfterMs: headerWait(answer) })
      }
      throw refused(status, HINTS[status])
    },
    close: () => dispatcher.destroy(),
  }

  async function send(
    url: URL,
    headers: Readonly<Record<string, string>>,
    body: string,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    try {
      return await request(url, {
        dispatcher,
        method: 'POST',
        headers: { 'content-type': 'application/json', 'user-agent': 'alarm-bus', ...headers },
        body,
        signal: AbortSignal.any([signal, AbortSignal.timeout(totalTimeoutMs)]),
      })
    } catch (error) {
      throw new SinkFailed(`${sink}: ${failureText(error, options, signal)}`)
    }
  }

  async function rateLimited(answer: Dispatcher.ResponseData): Promise<SinkFailed> {
    const waits = [headerWait(answer), bodyWaitMs(await textOf(answer.body))].filter((wait) => wait !== undefined)
    const retryAfterMs = waits.length > 0 ? Math.max(...waits) : undefined
    return new SinkFailed(`${sink} answered 429`, { retryAfterMs, rateLimited: true })
  }

  function refused(status: number, hint = ''): DeadLetter {
    return new DeadLetter(`${sink} refused the alarm: ${status}${hint}`)
  }
}

const HINTS: Readonly<Record<number, string>> = {
  301: ', a redirect, which is not followed; configure the address it leads to',
  302: ', a redirect, which is not followed; configure the address it leads to',
  307: ', a redirect, which is not followed; configure the address it leads to',
  308: ', a redirect, which is not followed; configure the address it leads to',
  401: '; its secret or token may have been revoked',
  403: '; its secret or token may have been revoked',
  404: '; the webhook or the chat may be gone',
  410: '; the webhook or the chat may be gone',
}

function headerWait({ headers }: Dispatcher.ResponseData): number | undefined {
  const first = (name: string): string | undefined => [headers[name]].flat()[0]
  return retryAfterMs(first('retry-after'), first('date'))
}

/** In words of its own: an error's text may hold the address, and with it the secret. */
function failureText(error: unknown, options: SinkClientOptions, signal: AbortSignal): string {
  if (signal.aborted) return 'the attempt was called off'
  const { name = '', code = '' } = error as { readonly name?: string; readonly code?: unknown }
  if (name === 'TimeoutError' || code === 'UND_ERR_HEADERS_TIMEOUT')
    return `no answer within ${options.totalTimeoutMs} ms`
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return `no connection within ${options.connectTimeoutMs} ms`
  if (code === 'ADDRESS_REFUSED') return 'its host has no public address; ALARM_PRIVATE_HOSTS allows others'
  if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,60}$/.test(code)) return `no answer (${code})`
  return 'no answer'
}
