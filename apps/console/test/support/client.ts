import { waitFor } from '@alarm-bus/nats-kit/testing'
import { CSRF_HEADER, type Me } from '../../src/api.ts'

export interface Answer<T = any> {
  readonly status: number
  readonly body: T
  readonly headers: Headers
}

/** A browser's part: it keeps the cookie, and sends with writes what the page sends. */
export interface Client {
  get<T = any>(path: string): Promise<Answer<T>>
  send<T = any>(
    method: 'POST' | 'DELETE',
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer<T>>
  /** Server-sent events of a path; whoever opens it closes it. */
  events(path: string, headers?: Readonly<Record<string, string>>): Promise<Events>
}

export interface Events {
  readonly status: number
  readonly all: readonly { readonly event: string; readonly id: string; readonly data: any }[]
  /** The first event, past or to come, that matches. */
  until(event: string, matches?: (data: any) => boolean): Promise<any>
  readonly ended: Promise<void>
  close(): void
}

export async function createClient(url: string, token?: string): Promise<Client> {
  let cookie = ''
  let csrf = ''
  const ask = async (
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        ...(cookie && { cookie }),
        ...(csrf && method !== 'GET' && { [CSRF_HEADER]: csrf }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = /json/.test(response.headers.get('content-type') ?? '')
    const given = response.headers.get('set-cookie')
    if (given) cookie = given.split(';', 1)[0] ?? ''
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
  }
  if (token !== undefined) {
    const { status, body } = await ask('POST', '/api/session', { token })
    if (status !== 200) throw new Error(`login: ${status} ${JSON.stringify(body)}`)
    csrf = (body as Me).csrf
  } else csrf = ((await ask('GET', '/api/me')).body as Partial<Me>).csrf ?? ''
  return {
    get: (path) => ask('GET', path),
    send: (method, path, body, headers) => ask(method, path, body, headers),
    events: (path, headers = {}) => openEvents(`${url}${path}`, { ...(cookie && { cookie }), ...headers }),
  }
}

async function openEvents(url: string, headers: Readonly<Record<string, string>>): Promise<Events> {
  const abort = new AbortController()
  const response = await fetch(url, { headers, signal: abort.signal })
  const all: { event: string; id: string; data: any }[] = []
  const read = async (): Promise<void> => {
    let rest = ''
    const decoder = new TextDecoder()
    try {
      for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
        rest += decoder.decode(part, { stream: true })
        const blocks = rest.split('\n\n')
        rest = blocks.pop() ?? ''
        for (const block of blocks) {
          const of = (name: string): string =>
            block
              .split('\n')
              .find((line) => line.startsWith(`${name}: `))
              ?.slice(name.length + 2) ?? ''
          if (of('event') !== '') all.push({ event: of('event'), id: of('id'), data: JSON.parse(of('data')) })
        }
      }
    } catch {
      // Closed from either side.
    }
  }
  const ended = read()
  return {
    status: response.status,
    all,
    ended,
    async until(event, matches = () => true) {
      const find = () => all.find((one) => one.event === event && matches(one.data))
      await waitFor(() => find() !== undefined, { what: `an event ${event}`, deadlineMs: 30_000 })
      return find()?.data
    },
    close: () => abort.abort(),
  }
}
