import type { TailEvents } from '../../../src/api.ts'
import { useEffect, useState } from 'preact/hooks'

export type TailRow =
  | { readonly kind: 'message'; readonly row: TailEvents['message'] }
  | { readonly kind: 'invalid'; readonly row: TailEvents['invalid'] }
  | { readonly kind: 'gap'; readonly row: TailEvents['gap'] }
  | { readonly kind: 'skipped'; readonly row: TailEvents['skipped'] }

/** Rows that are kept: more than a person scrolls through. */
const KEPT = 200
const KINDS = ['message', 'invalid', 'gap', 'skipped'] as const

/** The newest first. Rows of one frame are shown at once. */
export function useTail(url: string, running: boolean): { readonly rows: readonly TailRow[]; readonly lost: boolean } {
  const [rows, setRows] = useState<readonly TailRow[]>([])
  const [lost, setLost] = useState(false)
  useEffect(() => setRows([]), [url])
  useEffect(() => {
    if (!running) return undefined
    let fresh: TailRow[] = []
    let frame = 0
    const source = new EventSource(url)
    const flush = () => {
      frame = 0
      const newest = fresh.reverse()
      fresh = []
      setRows((known) => [...newest, ...known].slice(0, KEPT))
    }
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        fresh.push({ kind, row: JSON.parse(event.data) } as TailRow)
        if (fresh.length > KEPT) fresh.shift()
        if (frame === 0) frame = requestAnimationFrame(flush)
      })
    }
    source.addEventListener('open', () => setLost(false))
    source.addEventListener('error', () => setLost(true))
    return () => {
      source.close()
      cancelAnimationFrame(frame)
    }
  }, [url, running])
  return { rows, lost }
}
