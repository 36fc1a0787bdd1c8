const TIMEOUT_MS = 20_000
const MAX_BYTES = 1024 * 1024

export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** Empty for HEAD. */
  readonly text: string
}

/** One HTTP request: 20 s, 1 MiB, HTTPS to the end. An answer of any status is one. @throws Error naming the address. */
export async function ask(
  url: URL,
  method: 'GET' | 'HEAD' = 'GET',
  headers: Record<string, string> = {},
): Promise<Answer> {
  try {
    const response = await fetch(url, { method, headers, signal: AbortSignal.timeout(TIMEOUT_MS) })
    if (url.protocol === 'https:' && !response.url.startsWith('https:')) throw new Error(`redirects to ${response.url}`)
    return { status: response.status, headers: response.headers, text: await textOf(response) }
  } catch (error) {
    const { message, cause } = error as Error
    throw new Error(`${url.href}: ${message}${cause instanceof Error ? ` (${cause.message})` : ''}`, { cause: error })
  }
}

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > MAX_BYTES) throw new Error(`answered more than ${MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
