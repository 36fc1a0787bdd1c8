import type { Output } from '../src/output.ts'
import { type Ran, run } from './run-script.ts'

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
  return run(env, ...argv)
}
