import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { repository } from './harness.ts'

export interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** `pnpm ops` as people run it: a process of its own, on the sources, in the repository's folder. */
export function run(env: Readonly<Record<string, string>>, ...args: string[]): Promise<Ran> {
  return start(env, ...args).ended
}

export function start(env: Readonly<Record<string, string>>, ...args: string[]) {
  const said = { out: '', err: '' }
  const script = `${repository}packages/ops/src/ops.ts`
  const child = spawn(process.execPath, ['--conditions=@alarm-bus/source', script, ...args], {
    cwd: repository,
    env: {
      NODE_ENV: 'development',
      PATH: process.env['PATH'] ?? '',
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? '',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 25_000,
  })
  child.stdout.on('data', (chunk: Buffer) => (said.out += chunk))
  child.stderr.on('data', (chunk: Buffer) => (said.err += chunk))
  const ended = new Promise<Ran>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ ...said, code }))
  })
  return { said, ended, child }
}

/** A port where nobody listens. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
