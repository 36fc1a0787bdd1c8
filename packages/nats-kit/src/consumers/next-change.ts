/** Resolves with the first call of what `listen` is given, or when the signal aborts; then the listening ends. */
export async function nextChange(signal: AbortSignal, listen: (done: () => void) => () => void): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => {
    const done = (): void => {
      unlisten()
      signal.removeEventListener('abort', done)
      resolve()
    }
    const unlisten = listen(done)
    signal.addEventListener('abort', done)
  })
}
