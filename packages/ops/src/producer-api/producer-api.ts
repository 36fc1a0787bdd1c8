import { readSecretFiles } from '@alarm-bus/environment'
import { UsageError } from '@alarm-bus/command-line'

type Environment = Readonly<Record<string, string | undefined>>

export interface ProducerAnswer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/** Help of the commands that go through the producer's API: who has a key needs no credentials of the broker. */
export const PRODUCER_HELP = `Goes through the producer's API. Environment: PRODUCER_URL (default: the
producer on this machine, PRODUCER_PORT), PRODUCER_API_KEY or
PRODUCER_API_KEY_FILE where the producer wants a key (\`pnpm ops api-key\`).`

/** One request. @throws UsageError for an environment that cannot be used; Error when the producer does not answer as itself. */
export async function askProducer(
  environment: Environment,
  path: string,
  { timeoutMs, ...init }: { readonly timeoutMs: number } & Omit<RequestInit, 'signal'>,
): Promise<ProducerAnswer> {
  const { environment: whole, problems } = readSecretFiles(environment, ['PRODUCER_API_KEY'])
  const [problem] = problems
  if (problem) throw new UsageError(`${problem.variable} ${problem.problem}`)
  const base = baseOf(whole)
  const key = whole['PRODUCER_API_KEY']?.trim()
  const headers = new Headers(init.headers)
  if (key !== undefined && key !== '') headers.set('authorization', `Bearer ${key}`)
  const response = await fetch(new URL(path, base), { ...init, headers, signal: AbortSignal.timeout(timeoutMs) }).catch(
    (error: unknown) => {
      throw new Error(`no producer at ${base.origin}: ${reasonOf(error)}; is it running (PRODUCER_URL)?`, {
        cause: error,
      })
    },
  )
  const text = await response.text()
  try {
    return { status: response.status, body: JSON.parse(text) as ProducerAnswer['body'] }
  } catch (error) {
    throw new Error(`${base.origin} answered ${response.status} and no JSON: it is not the producer`, { cause: error })
  }
}

/** What a problem document (RFC 9457) says, on one line. */
export function problemOf({ status, body }: ProducerAnswer): string {
  const { title, detail } = body
  return [`${status} ${String(title ?? 'refused')}`, detail].filter((part) => part !== undefined).join(': ')
}

function baseOf(environment: Environment): URL {
  const given = environment['PRODUCER_URL']?.trim()
  const text =
    given === undefined || given === '' ? `http://127.0.0.1:${environment['PRODUCER_PORT'] ?? '3000'}` : given
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol))
    throw new UsageError(`PRODUCER_URL must be an http or https address, not ${JSON.stringify(text)}`)
  return url
}

function reasonOf(error: unknown): string {
  const { name, message, cause } = error as Error & { readonly cause?: { readonly code?: string } }
  return name === 'TimeoutError' ? 'no answer in time' : (cause?.code ?? message)
}
