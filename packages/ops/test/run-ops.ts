import { spawn } from 'node:child_process'
import type { Output } from '../src/output.ts'
import { repository } from './harness.ts'
import type { Ran } from './run-script.ts'

/** A command of `pnpm ops` in this process: one of its own takes a second, and is left to one test of each. */
export async function within(
  command: (argv: readonly string[], output: Output) => Promise<number>,
  argv: readonly string[],
): Promise<Ran> {
  const said = { out: '', err: '' }
  const output: Output = {
    log: (text: string) => (said.out += `${text}\n`),
    error: (text: string) => (said.err += `${text}\n`),
  }
  const code = await command(argv, output)
  return { code, ...said }
}

/** `pnpm ops` as people run it: a process of its own, on the sources, in the repository's folder. */
export function runOps(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const script = `${repository}packages/ops/src/ops.ts`
  const child = spawn(process.execPath, ['--conditions=@alarm-bus/source', script, ...argv], {
    cwd: repository,
    env: { PATH: process.env['PATH'] ?? '', NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 25_000,
  })
  const said = { out: '', err: '' }
  child.stdout.on('data', (chunk: Buffer) => (said.out += chunk))
  child.stderr.on('data', (chunk: Buffer) => (said.err += chunk))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ ...said, code }))
  })
}
