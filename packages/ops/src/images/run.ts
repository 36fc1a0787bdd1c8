import { spawn } from 'node:child_process'

const MAX_SHOWN_CHARACTERS = 4_000

/** Runs a command and returns what it wrote. @throws Error with the end of its output when it does not exit with 0. */
export async function run(command: string, args: readonly string[], timeoutMs = 60_000): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs })
  let out = ''
  let all = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk
    all += chunk
  })
  child.stderr.on('data', (chunk: Buffer) => (all += chunk))
  const code = await new Promise<number | string>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'nothing'))
  })
  if (code === 0) return out.trim()
  throw new Error(`${command} ${args[0]} ended with ${code}:\n${all.slice(-MAX_SHOWN_CHARACTERS)}`)
}

/** Whether the command runs at all on this machine. */
export function works(command: string, ...args: readonly string[]): Promise<boolean> {
  return run(command, args, 20_000).then(
    () => true,
    () => false,
  )
}
