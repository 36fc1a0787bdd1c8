import { spawn } from 'node:child_process'

export interface CommandResult {
  /** Exit code; null when a signal or the time limit ended the command. */
  readonly code: number | null
  /** Standard output and standard error, in the order in which they came. */
  readonly output: string
  /** Set when the command did not start at all, for example because it does not exist. */
  readonly startError?: NodeJS.ErrnoException
}

export interface CommandOptions {
  readonly cwd: string
  readonly timeoutMs: number
  readonly env?: NodeJS.ProcessEnv
}

const OUTPUT_MAX_CHARACTERS = 64 * 1024

/** Runs a command to its end without a shell. Never throws for a command that fails: the result says so. */
export function runCommand(file: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd: options.cwd,
      // Messages are read by this program, so they must come in one language.
      env: { ...(options.env ?? process.env), LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs,
      killSignal: 'SIGKILL',
    })
    let output = ''
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString('utf8')).slice(-OUTPUT_MAX_CHARACTERS)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.once('error', (startError) => resolve({ code: null, output, startError }))
    child.once('close', (code) => resolve({ code, output }))
  })
}
