import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export interface ServerProcess {
  readonly url: string
  readonly pid: number
  stop(): Promise<void>
}

const START_TIMEOUT_MS = 60_000

/** Starts a server that writes lines of JSON, and waits for its `listening` and its `ready`. */
export async function startServer(
  main: string,
  environment: Readonly<Record<string, string>>,
  nodeOptions: readonly string[],
  onLine: (line: Readonly<Record<string, unknown>>) => void = () => undefined,
): Promise<ServerProcess> {
  const child = spawn(process.execPath, ['--conditions=@alarm-bus/source', ...nodeOptions, main], {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  let url = ''
  const ready = new Promise<void>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const fields = JSON.parse(line) as { readonly event?: string; readonly url?: string }
      const { event, url: where } = fields
      onLine(fields)
      if (event === 'listening') url = String(where)
      if (event === 'ready') resolve()
    })
  })
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${main} was not ready within ${START_TIMEOUT_MS} ms`)), START_TIMEOUT_MS)
  })
  const gone = ended.then(() => Promise.reject(new Error(`${main} ended before it was ready`)))
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await ended
  }
  try {
    await Promise.race([ready, late, gone])
  } catch (error) {
    await stop()
    throw error
  } finally {
    clearTimeout(timer)
    gone.catch(() => undefined)
  }
  return { url, pid: child.pid ?? 0, stop }
}
