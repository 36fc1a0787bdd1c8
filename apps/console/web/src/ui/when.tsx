import { useSyncExternalStore } from 'preact/compat'
import { useFormat } from './format.ts'

/** A difference of clocks that is not shown as the future. */
const AHEAD_MS = 2_000

const listeners = new Set<() => void>()
let now = Date.now()
let timer: ReturnType<typeof setInterval> | undefined

/** One clock for all times on the page. */
function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  timer ??= setInterval(() => {
    now = Date.now()
    for (const tell of listeners) tell()
  }, 1_000)
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}

/** A time as its distance from now; the exact one on hover. */
export function When({ atMs }: { readonly atMs: number | null }) {
  const format = useFormat()
  const nowMs = useSyncExternalStore(subscribe, () => now)
  if (atMs === null || atMs <= 0) return <span class="soft">–</span>
  // Between ticks something may be newer than the clock; another machine's clock may be a little ahead.
  const latest = Math.max(nowMs, Date.now())
  const isAhead = atMs > latest && atMs < latest + AHEAD_MS
  return (
    <time dateTime={new Date(atMs).toISOString()} title={format.at(atMs)}>
      {format.ago(isAhead ? latest : atMs, latest)}
    </time>
  )
}
