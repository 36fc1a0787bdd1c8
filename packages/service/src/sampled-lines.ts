import type { ServiceLogger } from './logger.ts'

/** Lines of a kind that are written in full within a window; the others are counted. */
const MAX_LINES = 10
const WINDOW_MS = 60_000

/** Writes a line, or counts it when there were enough of its kind. `kind` is one of a few, never a caller's text. */
export type WriteLine = (
  level: 'info' | 'warn' | 'error',
  kind: string,
  fields: Readonly<Record<string, unknown>>,
  message: string,
) => void

interface Window {
  written: number
  leftOut: number
}

/**
 * Lines that a stranger can cause as fast as it sends: the first of each kind say what happens, and when the window is
 * over one line says how many more there were.
 *
 * @param windowMs only a test gives another.
 */
export function sampledLines(logger: ServiceLogger, windowMs = WINDOW_MS): WriteLine {
  const windows = new Map<string, Window>()
  return (level, kind, fields, message) => {
    if (!logger.isLevelEnabled(level)) return
    let window = windows.get(kind)
    if (!window) {
      const opened: Window = { written: 0, leftOut: 0 }
      window = opened
      windows.set(kind, opened)
      setTimeout(() => {
        windows.delete(kind)
        if (opened.leftOut === 0) return
        const summary = { event: 'linesLeftOut', kind, leftOut: opened.leftOut, windowMs }
        logger[level](summary, `${opened.leftOut} more lines like the last ${kind} were left out`)
      }, windowMs).unref()
    }
    if (window.written >= MAX_LINES) {
      window.leftOut++
      return
    }
    window.written++
    logger[level](fields, message)
  }
}
