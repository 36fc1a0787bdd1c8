import { waitFor } from '@alarm-bus/nats-kit/testing'

/** One event; one without data only moves the last id. */
export interface StreamEvent {
  readonly id: string | undefined
  readonly event: string | undefined
  readonly data: string | undefined
}

/** A reader of server-sent events. Whoever opens it closes it. */
export interface EventStream {
  readonly status: number
  readonly headers: Headers
  /** Events with data, so far. */
  readonly events: readonly StreamEvent[]
  /** What an `EventSource` would come back with. */
  readonly lastId: string | undefined
  /** Waits until there are so many events. */
  count(events: number): Promise<void>
  /** Resolves when the other end ends it: `ended` as it should, or `cut`. */
  readonly end: Promise<'ended' | 'cut'>
  close(): void
}

export async function openEventStream(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<EventStream> {
  const abort = new AbortController()
  const response = await fetch(url, { headers, signal: abort.signal })
  const events: StreamEvent[] = []
  let lastId: string | undefined
  let rest = ''
  const read = async (): Promise<'ended' | 'cut'> => {
    try {
      for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
        rest += Buffer.from(part).toString('latin1')
        const blocks = rest.split('\n\n')
        rest = blocks.pop() ?? ''
        for (const block of blocks) {
          const one = eventOf(Buffer.from(block, 'latin1').toString())
          lastId = one.id ?? lastId
          if (one.data !== undefined) events.push(one)
        }
      }
      return 'ended'
    } catch {
      return 'cut'
    }
  }
  const end = read()
  return {
    status: response.status,
    headers: response.headers,
    events,
    get lastId() {
      return lastId
    },
    count: async (wanted) =>
      void (await waitFor(() => events.length >= wanted, { what: `${wanted} events`, deadlineMs: 30_000 })),
    end,
    close: () => abort.abort(),
  }
}

function eventOf(block: string): StreamEvent {
  const field = (name: string): string | undefined =>
    block
      .split('\n')
      .find((line) => line.startsWith(`${name}: `))
      ?.slice(name.length + 2)
  return { id: field('id'), event: field('event'), data: field('data') }
}
