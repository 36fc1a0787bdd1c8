import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

export { type OtlpReceiver, type ReceivedPoint, type ReceivedSpan, startOtlpReceiver } from './otlp-receiver.ts'

/** One JSON line that an app wrote. */
export type AppLogLine = Readonly<Record<string, unknown>> & { readonly event?: string; readonly msg?: string }

/** An app in a process of its own. The caller ends it: `await using`, or `kill()`. */
export interface AppProcess extends AsyncDisposable {
  readonly pid: number
  /** Every line of standard output so far, parsed. */
  readonly lines: readonly AppLogLine[]
  /** Everything on standard error so far; an app in good health writes nothing there. */
  readonly errorOutput: string
  /** The first line, past or to come, of that event and that `matches`. Rejects past the deadline or when the app ends. */
  line(
    event: string,
    options?: { readonly deadlineMs?: number; matches?(line: AppLogLine): boolean },
  ): Promise<AppLogLine>
  /** Where HTTP listens, once it does: `http://127.0.0.1:41234`. */
  url(): Promise<string>
  signal(name: NodeJS.Signals): void
  /** Resolves when the process has ended. Rejects past the deadline, 50 s by default. */
  exit(deadlineMs?: number): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  kill(): Promise<void>
}

/** Only bounds a test that would hang: on a machine with other work, starting from source alone took more than 15 s. */
const LINE_DEADLINE_MS = 50_000
const EXIT_DEADLINE_MS = 50_000
/** Apps that must not outlive this process, however it ends. */
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** What of this process's environment an app may see: a developer's own NATS_* variables must not reach a test. */
const PASSED_ON = ['PATH', 'HOME', 'TMPDIR', 'SystemRoot', 'NODE_COMPILE_CACHE']

/**
 * Starts an app from its TypeScript source.
 *
 * @param main the file that runs.
 * @param environment all that the app gets to see besides `NODE_ENV=test`; it has no default port, so pass `<APP>_PORT: '0'`.
 */
export function startApp(main: string | URL, environment: Readonly<Record<string, string>> = {}): AppProcess {
  const inherited = Object.fromEntries(PASSED_ON.map((name) => [name, process.env[name]]))
  const file = main instanceof URL ? main.pathname : main
  const child = spawn(process.execPath, ['--conditions=@alarm-bus/source', file], {
    env: { ...inherited, NODE_ENV: 'test', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  const lines: AppLogLine[] = []
  let errorOutput = ''
  let hasEnded = false
  createInterface({ input: child.stdout }).on('line', (text) => lines.push(parsed(text)))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errorOutput += text))
  // `close` comes after the last line of output.
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      hasEnded = true
      running.delete(child)
      resolve({ code, signal })
    })
  })
  const transcript = (): string => `${lines.map((line) => JSON.stringify(line)).join('\n')}\n${errorOutput}`

  const line: AppProcess['line'] = async (event, { deadlineMs = LINE_DEADLINE_MS, matches } = {}) => {
    const endsAt = performance.now() + deadlineMs
    for (;;) {
      const found = lines.find((candidate) => candidate.event === event && (matches?.(candidate) ?? true))
      if (found) return found
      if (hasEnded) throw new Error(`the app ended without the line ${event}:\n${transcript()}`)
      if (performance.now() > endsAt) throw new Error(`no line ${event} within ${deadlineMs} ms:\n${transcript()}`)
      await sleep(10)
    }
  }
  const kill = async (): Promise<void> => {
    if (!hasEnded) child.kill('SIGKILL')
    await ended
  }
  return {
    pid: child.pid ?? 0,
    lines,
    get errorOutput() {
      return errorOutput
    },
    line,
    url: async () => String((await line('listening'))['url']),
    signal: (name) => void child.kill(name),
    exit: (deadlineMs = EXIT_DEADLINE_MS) =>
      before(ended, deadlineMs, () => `the app did not end within ${deadlineMs} ms:\n${transcript()}`),
    kill,
    [Symbol.asyncDispose]: kill,
  }
}

function parsed(text: string): AppLogLine {
  try {
    return JSON.parse(text) as AppLogLine
  } catch {
    return { event: 'notJson', msg: text }
  }
}

async function before<T>(promise: Promise<T>, deadlineMs: number, message: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(message())), deadlineMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
