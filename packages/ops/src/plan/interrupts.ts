const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * The first signal that asks the process to end is told to `onFirst` and ends nothing by itself; the second one does.
 * Dispose of it when there is nothing left to put back.
 */
export function onInterrupt(onFirst: (signal: string) => void): Disposable {
  const first = (signal: string): void => {
    stop()
    onFirst(signal)
  }
  const stop = (): void => {
    for (const signal of SIGNALS) process.off(signal, first)
  }
  for (const signal of SIGNALS) process.on(signal, first)
  return { [Symbol.dispose]: stop }
}
