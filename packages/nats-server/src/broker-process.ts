import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { guard } from './guard.ts'
import type { NatsServerExit, StartNatsServerOptions } from './options.ts'

const KEPT_LOG_LINES = 40
const SERVER_ID = /\bID:\s+(N[A-Z2-7]{55})\s*$/

/** A nats-server process and what is known of it from its own output. */
export interface BrokerProcess {
  readonly pid: number | undefined
  readonly exited: Promise<NatsServerExit>
  hasExited(): boolean
  /** The server's id as its own log gives it; undefined until that line has come. */
  serverId(): string | undefined
  /** The last lines of the log. */
  lastLines(): readonly string[]
  /** Sends a signal unless the process has ended. */
  signal(name: NodeJS.Signals): void
}

/** What must not outlive this process. */
const running = new Set<ChildProcess>()
const temporary = new Set<string>()
let isHooked = false

/** Deletes a directory when this process exits, unless that was done before. */
export function removeOnExit(folder: string): void {
  hookExit()
  temporary.add(folder)
}

export function forgetOnExit(folder: string): void {
  temporary.delete(folder)
}

export function startBrokerProcess(
  binary: string,
  args: readonly string[],
  options: Pick<StartNatsServerOptions, 'env' | 'detached' | 'onLog'>,
): BrokerProcess {
  hookExit()
  const child = spawn(binary, args, {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: options.detached ?? false,
  })
  running.add(child)
  const release = options.detached && child.pid !== undefined ? guard(child.pid) : undefined
  const lines: string[] = []
  let serverId: string | undefined
  let exit: NatsServerExit | undefined
  const onLine = (line: string): void => {
    lines.push(line)
    if (lines.length > KEPT_LOG_LINES) lines.shift()
    serverId ??= SERVER_ID.exec(line)?.[1]
    options.onLog?.(line)
  }
  readLines(child.stdout, onLine)
  readLines(child.stderr, onLine)
  const exited = new Promise<NatsServerExit>((resolve) => {
    const end = (result: NatsServerExit): void => {
      running.delete(child)
      release?.()
      exit ??= result
      resolve(exit)
    }
    child.once('error', (error) => {
      lines.push(error.message)
      end({ code: null, signal: null })
    })
    // `close` comes after the last line of output, so an error can quote it.
    child.once('close', (code, signal) => end({ code, signal }))
  })
  return {
    pid: child.pid,
    exited,
    hasExited: () => exit !== undefined,
    serverId: () => serverId,
    lastLines: () => lines,
    signal: (name) => void (exit === undefined && child.kill(name)),
  }
}

function readLines(stream: Readable, onLine: (line: string) => void): void {
  createInterface({ input: stream, crlfDelay: Infinity }).on('line', onLine)
}

function hookExit(): void {
  if (isHooked) return
  isHooked = true
  process.once('exit', () => {
    for (const child of running) child.kill('SIGKILL')
    for (const folder of temporary) rmSync(folder, { recursive: true, force: true })
  })
}
