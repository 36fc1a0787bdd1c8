import { execFileSync } from 'node:child_process'
import { type NatsServer, startTestBroker, waitFor } from '@alarm-bus/nats-kit/testing'
import { type AppProcess, startApp } from '@alarm-bus/service/testing'

const MAIN = new URL('../src/main.ts', import.meta.url)

/**
 * Environment of a producer whose memory a test watches. A heap of this size is collected, and not only added to: what
 * the process has grown by is what it keeps.
 */
export const SMALL_HEAP = { NODE_OPTIONS: '--max-old-space-size=64 --max-semi-space-size=2' }

export function rssBytesOf(pid: number): number {
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) * 1_024
}

/** The producer as a process of its own, on a free port. */
export function startProducer(natsUrl: string, environment: Readonly<Record<string, string>> = {}): AppProcess {
  return startApp(MAIN, { NATS_SERVERS: natsUrl, STREAMS: 'apply', PRODUCER_PORT: '0', ...environment })
}

export interface Stack extends AsyncDisposable {
  readonly broker: NatsServer
  readonly producer: AppProcess
  readonly url: string
}

/** A broker and a producer that is ready. */
export async function startStack(environment: Readonly<Record<string, string>> = {}): Promise<Stack> {
  const broker = await startTestBroker()
  const producer = startProducer(broker.url, environment)
  try {
    const url = await producer.url()
    await producer.line('ready')
    return {
      broker,
      producer,
      url,
      async [Symbol.asyncDispose]() {
        await producer.kill()
        await broker.stop()
      },
    }
  } catch (error) {
    await producer.kill()
    await broker.stop()
    throw error
  }
}

/** What the producer answered, with what every test asks of it. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: AnswerBody
}

export interface AnswerBody {
  readonly [member: string]: unknown
  readonly detail?: string
  readonly errors?: readonly {
    readonly in: string
    readonly path: string
    readonly code: string
    readonly message: string
  }[]
}

export interface Post {
  readonly channel?: string
  readonly query?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as it is when a string or bytes, as JSON otherwise. */
  readonly body?: unknown
}

/** Posts a message; without `headers` as `application/json`. */
export async function post(
  url: string,
  { channel = 'alarm-to-bot', query = '', headers, body }: Post,
): Promise<Answer> {
  const isRaw = typeof body === 'string' || body instanceof Uint8Array || body === undefined
  const response = await fetch(`${url}/channels/${channel}/messages${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: (isRaw ? (body ?? null) : JSON.stringify(body)) as string | null,
  })
  return answerOf(response)
}

export async function get(url: string): Promise<Answer> {
  return answerOf(await fetch(url))
}

async function answerOf(response: Response): Promise<Answer> {
  return { status: response.status, headers: response.headers, body: (await response.json()) as AnswerBody }
}

export { waitFor }
