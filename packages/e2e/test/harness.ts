import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { appVariable } from '@alarm-bus/contracts'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { onTestFinished } from 'vitest'

export const repository = fileURLToPath(new URL('../../../', import.meta.url))

/** Starting several processes on a busy machine takes its time; this only bounds a test that would hang. */
export const DEADLINE_MS = 90_000

/** A command as a person types it, with its output and its end. */
export interface Command {
  readonly child: ChildProcess
  readonly pid: number
  /** Everything it has printed so far, on both streams. */
  output(): string
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
}

/** Starts it in a process group of its own, as a shell does; what is left of the group is killed when the test ends. */
export function run(
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd: string = repository,
): Command {
  const [program = '', ...args] = command
  const child = spawn(program, args, {
    cwd,
    env: { ...machineEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => (text += part))
  const exited = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
  }))
  return { child, pid: child.pid ?? 0, output: () => text, exited }
}

/** Without what the test runner and the task runner set for themselves. */
function machineEnvironment(): Record<string, string> {
  const own =
    /^(VITEST|TURBO|npm_(command|execpath|lifecycle|package)|(NODE_ENV|NODE_OPTIONS|TEST|DEV|PROD|MODE|BASE_URL|SSR)$)/
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !own.test(entry[0]),
    ),
  )
}

/** A free port of each app and of the broker, and a directory, so that it runs beside a person's own `dev`. */
export async function devEnvironment(
  checkout: string = repository,
): Promise<Record<string, string> & { readonly ALARM_BUS_DEV_DIR: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'alarm-bus-dev-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const apps = readdirSync(join(checkout, 'apps')).map((app) => appVariable(app, 'PORT'))
  const names = ['NATS_PORT', 'NATS_MONITOR_PORT', ...apps]
  const ports = await freePorts(names.length)
  return {
    ...Object.fromEntries(names.map((name, index) => [name, String(ports[index])])),
    LOG_SQLITE_PATH: join(folder, 'logs.sqlite'),
    ALARM_BUS_DEV_DIR: folder,
  }
}

/** Ports that were free a moment ago. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

/** Starts `dev`; whatever of it the test leaves behind is killed. */
export function startDev(
  env: Awaited<ReturnType<typeof devEnvironment>>,
  command: readonly string[] = ['pnpm', 'dev'],
  checkout: string = repository,
): Command {
  const dev = run(command, env, checkout)
  onTestFinished(async () => {
    const pids = livingProcessesOf(env.ALARM_BUS_DEV_DIR)
    for (const pid of pids) kill(pid)
    await waitFor(() => livingProcessesOf(env.ALARM_BUS_DEV_DIR).length === 0, {
      what: 'the end of what the test left',
    })
  })
  return dev
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}

/** Resolves once the banner is there; fails with the output when the command ends before. */
export async function untilReady(dev: Command): Promise<string> {
  const banner = /The alarm bus is ready[\s\S]*?─{20}/
  const early = dev.exited.then(({ code, signal }) => Promise.reject(new Error(`dev ended with ${code ?? signal}`)))
  const found = waitFor(() => banner.exec(dev.output())?.[0], { what: 'the banner', deadlineMs: DEADLINE_MS })
  try {
    return await Promise.race([found, early])
  } catch (error) {
    throw new Error(`${(error as Error).message}; its output:\n${dev.output()}`, { cause: error })
  }
}

/** Processes that run with this directory in their environment: whatever a `dev` has started, however deep. */
export function livingProcessesOf(devDir: string): readonly number[] {
  const marker = `ALARM_BUS_DEV_DIR=${devDir}`
  return process.platform === 'linux' ? fromProc(marker) : fromPs(marker)
}

function fromProc(marker: string): readonly number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const isMarked = (pid: string): boolean => {
    try {
      const isZombie = /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
      return !isZombie && readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(marker)
    } catch {
      // It has ended meanwhile, or belongs to somebody else.
      return false
    }
  }
  return pids.filter(isMarked).map(Number)
}

function fromPs(marker: string): readonly number[] {
  const lines = execFileSync('ps', ['-A', '-E', '-ww', '-o', 'pid=,command='], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  }).split('\n')
  return lines.filter((line) => line.split(' ').includes(marker)).map((line) => Number.parseInt(line, 10))
}

export async function untilNothingIsLeft(devDir: string): Promise<void> {
  await waitFor(() => livingProcessesOf(devDir).length === 0, { what: 'the end of every process', deadlineMs: 30_000 })
}

export interface DevApp {
  readonly name: string
  readonly pid: number
  readonly turboPid?: number
  readonly url?: string
}

export function appOf(devDir: string, name: string): DevApp {
  return JSON.parse(readFileSync(join(devDir, 'apps', `${name}.json`), 'utf8')) as DevApp
}

export function brokerOf(devDir: string): { readonly pid: number; readonly ownerPid: number; readonly url: string } {
  return JSON.parse(readFileSync(join(devDir, 'broker.json'), 'utf8')) as ReturnType<typeof brokerOf>
}

export async function isReady(url: string | undefined): Promise<boolean> {
  return url !== undefined && (await fetch(`${url}/readyz`)).ok
}
