/** What comes within this time, in milliseconds, is taken for the same Ctrl-C. A person who means it presses again. */
const SAME_MS = 500

/**
 * Under `dev` one Ctrl-C reaches an app more than once: from the terminal or from turbo, and again from `node --watch`. An
 * app takes a second signal as the wish to end at once, without handing in what it has done. Call it before the app
 * listens for signals.
 */
export function mergeRepeatedSignals(): void {
  let lastAt = Number.NEGATIVE_INFINITY
  const emit = process.emit.bind(process) as (...all: readonly unknown[]) => boolean
  process.emit = ((event: unknown, ...rest: readonly unknown[]) => {
    if (event === 'SIGINT' || event === 'SIGTERM') {
      const isSame = performance.now() - lastAt < SAME_MS
      if (isSame) return true
      lastAt = performance.now()
    }
    return emit(event, ...rest)
  }) as typeof process.emit
}
