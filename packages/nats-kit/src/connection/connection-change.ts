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

/** Waits for the connection to be up. @returns false when it is not in time, closed for good, or called off. */
export async function untilConnected(
  connection: Connection,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const late = new AbortController()
  const ended = signal ? AbortSignal.any([signal, late.signal]) : late.signal
  let timer: NodeJS.Timeout | undefined
  try {
    for (;;) {
      if (connection.state === 'connected') return true
      if (connection.state === 'closed' || ended.aborted) return false
      timer ??= setTimeout(() => late.abort(), timeoutMs)
      await connectionChange(connection, ended)
    }
  } finally {
    clearTimeout(timer)
  }
}
