import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { repositoryRoot } from '../dev/dev-env.ts'

/** One line that an app logged. */
export type AppLine = Readonly<Record<string, unknown>> & { readonly event?: string }

export interface AppExit {
  /** Exit code; null after a signal. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** An app in a process of its own. Who starts it ends it. */
export interface AppProcess extends AsyncDisposable {
  readonly name: string
  readonly pid: number
  /** From its start until it was ready, in milliseconds. */
  readonly readyMs: number
  /** When it was ready, in milliseconds of the Unix epoch. */
  readonly readyAtMs: number
  /** Where it listens for HTTP. */
  readonly url: string
  readonly exited: Promise<AppExit>
  /** Everything it has logged so far. */
  lines(): readonly AppLine[]
  /** Sends SIGTERM and resolves when the process has ended. */
  stop(): Promise<AppExit>
}

export interface StartAppOptions {
  /** The whole environment of the process. */
  readonly env: Readonly<Record<string, string>>
  /** What to run in place of the app's sources, such as a container of it. */
  readonly command?: readonly [string, ...string[]]
  /** How long it may take until the app is ready, in milliseconds. Default 20,000. */
  readonly readyTimeoutMs?: number
}

/** Past this, in milliseconds, an app that does not end is killed. Its own budget for a shutdown is shorter. */
const STOP_TIMEOUT_MS = 15_000
const SHOWN_LINES = 15

/**
 * Starts `apps/<name>`, from its sources unless told otherwise, and resolves once it is ready.
 *
 * @throws Error with the app's last lines when it ends or does not get ready; then the process is gone.
 */
export async function startApp(name: string, options: StartAppOptions): Promise<AppProcess> {
  const [command, ...args] = options.command ?? [process.execPath, '--conditions=@alarm-bus/source', 'src/main.ts']
  const startedAt = performance.now()
  const child = spawn(command, args, {
    cwd: join(repositoryRoot, 'apps', name),
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C goes to a whole process group; the apps are to end before their broker, one after the other.
    detached: process.platform !== 'win32',
  })
  const endWithThisProcess = (): void => void child.kill('SIGKILL')
  process.once('exit', endWithThisProcess)
  const text: string[] = []
  const lines: AppLine[] = []
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream, crlfDelay: Infinity }).on('line', (line) => {
      text.push(line)
      const parsed = parseLine(line)
      if (parsed) lines.push(parsed)
    })
  }
  let exit: AppExit | undefined
  const exited = new Promise<AppExit>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      process.off('exit', endWithThisProcess)
      resolve((exit = { code, signal }))
    })
  })
  const stop = async (): Promise<AppExit> => {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    return exited.finally(() => clearTimeout(timer))
  }
  const trouble = (): string => `its last lines:\n${text.slice(-SHOWN_LINES).join('\n')}`
  try {
    const isReady = async (url: string): Promise<boolean> => (await fetch(`${url}/readyz`)).ok
    const url = await Promise.race([
      waitFor(
        async () => {
          const address = lines.find((line) => line.event === 'listening')?.['url']
          return typeof address === 'string' && (await isReady(address)) && address
        },
        { what: `${name}'s readiness`, deadlineMs: options.readyTimeoutMs ?? 20_000 },
      ),
      exited.then(({ code, signal }) => Promise.reject(new Error(`${name} ended with ${code ?? signal}`))),
    ])
    const readyMs = performance.now() - startedAt
    return {
      name,
      readyMs,
      readyAtMs: Date.now(),
      pid: child.pid ?? 0,
      url,
      exited,
      lines: () => lines,
      stop,
      [Symbol.asyncDispose]: async () => void (await stop()),
    }
  } catch (cause) {
    if (!exit) await stop()
    throw new Error(`${name} did not get ready: ${(cause as Error).message}; ${trouble()}`, { cause })
  }
}

function parseLine(line: string): AppLine | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as AppLine) : undefined
  } catch {
    return undefined
  }
}
