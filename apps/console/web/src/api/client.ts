import type { Me, ProblemBody } from '../../../src/api.ts'

/** What the server answered instead of the data. `status` 0: no answer came. */
export class ApiError extends Error {
  readonly status: number
  readonly problem: Partial<ProblemBody>

  constructor(status: number, problem: Partial<ProblemBody>) {
    super(problem.detail ?? problem.title ?? `HTTP ${status}`)
    this.name = 'ApiError'
    this.status = status
    this.problem = problem
  }
}

let csrf = ''

/** Each write carries it; the server gives it with `GET /api/me`. */
export function setCsrf(token: string): void {
  csrf = token
}

export function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return call<T>('GET', path, undefined, signal)
}

export function post<T>(path: string, body: unknown): Promise<T> {
  return call<T>('POST', path, body)
}

export function remove(path: string): Promise<void> {
  return call<void>('DELETE', path)
}

export async function login(token: string): Promise<Me> {
  const me = await post<Me>('/api/session', { token })
  setCsrf(me.csrf)
  return me
}

async function call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json' }
  if (body !== undefined) headers['content-type'] = 'application/json'
  if (method !== 'GET' && csrf !== '') headers['x-csrf-token'] = csrf
  const init: RequestInit = { method, headers, credentials: 'same-origin' }
  if (body !== undefined) init.body = JSON.stringify(body)
  if (signal) init.signal = signal
  let response: Response
  try {
    response = await fetch(path, init)
  } catch (error) {
    if (signal?.aborted) throw error
    throw new ApiError(0, { title: 'No answer' })
  }
  const text = await response.text()
  const answer = parse(text)
  if (!response.ok) throw new ApiError(response.status, isRecord(answer) ? answer : { title: response.statusText })
  return answer as T
}

function parse(text: string): unknown {
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A query string of what is set; empty where nothing is. */
export function query(values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && value !== '') params.set(name, String(value))
  }
  const text = params.toString()
  return text === '' ? '' : `?${text}`
}
