import type { Overview, OverviewChange } from '../../../src/api.ts'

/** What the page knows of the bus, and whether it still hears of it. */
export interface Live {
  readonly overview: Overview | undefined
  /** `connecting` before the first event; `lost` while the stream of events is down. */
  readonly link: 'connecting' | 'open' | 'lost'
}

/** A connection that was cut off without a word looks like one on which nothing happens: after this it is made again. */
const SILENT_MS = 30_000
/** How long after a failure it is tried again. */
const RETRY_MS = 1_000

/**
 * Holds the newest overview. Events come up to fifty times a second; listeners hear at most once in a frame, so that the
 * work of a page is bounded by what can be seen.
 */
export function createOverviewStore(url = '/api/events') {
  let live: Live = { overview: undefined, link: 'connecting' }
  let pending: OverviewChange | undefined
  let frame = 0
  let source: EventSource | undefined
  let reopen: ReturnType<typeof setTimeout> | undefined
  let silence: ReturnType<typeof setTimeout> | undefined
  const listeners = new Set<() => void>()

  function show(next: Live): void {
    live = next
    for (const listener of listeners) listener()
  }

  function flush(): void {
    frame = 0
    if (!pending) return
    const overview = { ...live.overview, ...pending } as Overview
    pending = undefined
    show({ overview, link: 'open' })
  }

  function take(change: OverviewChange): void {
    heard()
    pending = { ...pending, ...change }
    // A page in the background gets no frames; it flushes when it is looked at again.
    if (frame === 0) frame = requestAnimationFrame(flush)
  }

  function heard(): void {
    clearTimeout(silence)
    silence = setTimeout(open, SILENT_MS)
  }

  function lost(): void {
    source?.close()
    clearTimeout(silence)
    clearTimeout(reopen)
    if (live.link !== 'lost') show({ ...live, link: 'lost' })
    reopen = setTimeout(open, RETRY_MS)
  }

  function open(): void {
    source?.close()
    source = new EventSource(url)
    heard()
    source.addEventListener('open', () => {
      heard()
      if (live.overview) show({ ...live, link: 'open' })
    })
    source.addEventListener('overview', (event) => take(JSON.parse(event.data) as Overview))
    source.addEventListener('change', (event) => take(JSON.parse(event.data) as OverviewChange))
    source.addEventListener('alive', heard)
    source.addEventListener('error', lost)
  }

  function close(): void {
    source?.close()
    source = undefined
    clearTimeout(silence)
    clearTimeout(reopen)
    cancelAnimationFrame(frame)
    frame = 0
  }

  return {
    current: () => live,
    subscribe(listener: () => void): () => void {
      listeners.add(listener)
      if (listeners.size === 1) open()
      return () => {
        listeners.delete(listener)
        if (listeners.size === 0) close()
      }
    },
  }
}
