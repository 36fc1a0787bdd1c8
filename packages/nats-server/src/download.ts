import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { NatsServerError, messageOf } from './errors.ts'
import type { Progress } from './progress.ts'

export interface DownloadLimits {
  /** How long the first byte of an answer may take, in milliseconds. */
  readonly connectTimeoutMs: number
  /** How long a body may stand still, in milliseconds. */
  readonly stallTimeoutMs: number
  /** How long one download may take altogether, in milliseconds. */
  readonly totalTimeoutMs: number
  /** The largest body that is accepted, in bytes. An archive of nats-server is about 7 MB. */
  readonly maxBytes: number
}

export const DEFAULT_DOWNLOAD_LIMITS: DownloadLimits = {
  connectTimeoutMs: 5_000,
  stallTimeoutMs: 20_000,
  totalTimeoutMs: 300_000,
  maxBytes: 64 * 1024 * 1024,
}

const TEXT_MAX_BYTES = 1024 * 1024
const PROGRESS_STEP_PERCENT = 10

type Sink = (chunk: Uint8Array, receivedBytes: number, totalBytes: number | undefined) => Promise<void> | void

/**
 * Downloads a small text.
 * @throws NatsServerError `no_network`, `timeout`, `http_error`, `truncated`, `too_large`.
 */
export async function downloadText(url: string, limits: DownloadLimits): Promise<string> {
  const chunks: Uint8Array[] = []
  await receive(url, { ...limits, maxBytes: TEXT_MAX_BYTES }, (chunk) => void chunks.push(chunk))
  return Buffer.concat(chunks).toString('utf8')
}

/**
 * Downloads a file to a path that must not exist yet, and returns its SHA-256 in hex. Who calls owns the file, also
 * after an error.
 * @throws NatsServerError `no_network`, `timeout`, `http_error`, `truncated`, `too_large`.
 */
export async function downloadFile(
  url: string,
  path: string,
  limits: DownloadLimits,
  onProgress: Progress,
): Promise<string> {
  const hash = createHash('sha256')
  const file = await open(path, 'wx')
  const report = progressReporter(url, onProgress)
  try {
    await receive(url, limits, async (chunk, receivedBytes, totalBytes) => {
      hash.update(chunk)
      await file.writeFile(chunk)
      report(receivedBytes, totalBytes)
    })
  } finally {
    await file.close()
  }
  return hash.digest('hex')
}

async function receive(url: string, limits: DownloadLimits, sink: Sink): Promise<void> {
  const abort = new AbortController()
  const overall = setTimeout(() => abort.abort(timeoutError(url, limits.totalTimeoutMs)), limits.totalTimeoutMs)
  let idle = setTimeout(() => abort.abort(timeoutError(url, limits.connectTimeoutMs)), limits.connectTimeoutMs)
  const onBytes = (): void => {
    clearTimeout(idle)
    idle = setTimeout(() => abort.abort(timeoutError(url, limits.stallTimeoutMs)), limits.stallTimeoutMs)
  }
  try {
    const response = await request(url, abort.signal)
    onBytes()
    await readBody(url, response, limits, abort.signal, async (...args) => {
      onBytes()
      await sink(...args)
    })
  } finally {
    clearTimeout(overall)
    clearTimeout(idle)
    // Without this an error half-way would leave the connection open.
    abort.abort()
  }
}

async function request(url: string, signal: AbortSignal): Promise<Response> {
  let response: Response
  try {
    // A compressed transfer would make the announced length useless for finding a truncated body.
    response = await fetch(url, { signal, headers: { 'accept-encoding': 'identity' } })
  } catch (error) {
    if (signal.reason instanceof NatsServerError) throw signal.reason
    const why = error instanceof Error && error.cause ? messageOf(error.cause) : messageOf(error)
    throw new NatsServerError('no_network', `no network to ${url}: ${why || 'the connection failed'}`, { cause: error })
  }
  if (url.startsWith('https:') && !response.url.startsWith('https:')) {
    throw new NatsServerError('http_error', `${url} redirects to ${response.url}, which is not HTTPS`)
  }
  if (!response.ok) throw new NatsServerError('http_error', `${url} answered HTTP ${response.status}`)
  return response
}

async function readBody(
  url: string,
  response: Response,
  limits: DownloadLimits,
  signal: AbortSignal,
  sink: Sink,
): Promise<void> {
  const announced = response.headers.get('content-length')
  const totalBytes = announced === null ? undefined : Number(announced)
  let receivedBytes = 0
  const checkSize = (bytes: number): void => {
    if (bytes <= limits.maxBytes) return
    throw new NatsServerError('too_large', `${url} is larger than the ${limits.maxBytes} bytes that are accepted`)
  }
  checkSize(totalBytes ?? 0)
  const chunks = bodyOf(response, (error) => {
    if (signal.reason instanceof NatsServerError) return signal.reason
    return truncatedError(url, receivedBytes, totalBytes, error)
  })
  for await (const chunk of chunks) {
    receivedBytes += chunk.byteLength
    checkSize(receivedBytes)
    await sink(chunk, receivedBytes, totalBytes)
  }
  if (totalBytes !== undefined && receivedBytes !== totalBytes) throw truncatedError(url, receivedBytes, totalBytes)
}

/** Only an error of the transfer itself is translated; one of the sink (a full disk) passes as it is. */
async function* bodyOf(response: Response, translate: (error: unknown) => Error): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader()
  while (reader) {
    const result = await reader.read().catch((error: unknown) => {
      throw translate(error)
    })
    if (result.done) return
    yield result.value
  }
}

function truncatedError(url: string, received: number, total: number | undefined, cause?: unknown): NatsServerError {
  const expected = total === undefined ? 'before its end' : `of ${total}`
  return new NatsServerError('truncated', `${url} broke off after ${received} bytes ${expected}`, { cause })
}

function timeoutError(url: string, afterMs: number): NatsServerError {
  return new NatsServerError('timeout', `${url} sent nothing more within ${afterMs} ms`)
}

function progressReporter(url: string, onProgress: Progress): (received: number, total: number | undefined) => void {
  let shown = -PROGRESS_STEP_PERCENT
  return (received, total) => {
    if (!total) return
    const percent = Math.floor((received / total) * 100)
    if (percent < shown + PROGRESS_STEP_PERCENT && percent !== 100) return
    shown = percent
    onProgress(`downloading ${url}: ${percent}% (${megabytes(received)} of ${megabytes(total)} MB)`)
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1)
}
