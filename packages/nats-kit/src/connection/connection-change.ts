import type { Connection } from './connection.ts'

/** Resolves at the next change of the connection's state, or when the signal aborts. */
export async function connectionChange({ events }: Connection, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      events.off('connectionStateChanged', done)
      signal.removeEventListener('abort', done)
      resolve()
    }
    events.on('connectionStateChanged', done)
    signal.addEventListener('abort', done)
  })
}
