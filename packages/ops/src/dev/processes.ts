import { execFileSync } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'

export interface RunningProcess {
  readonly pid: number
  readonly parent: number
  /** The command line, one entry an argument where the system tells them apart. */
  readonly command: readonly string[]
}

export function isAlive(pid: number | undefined): boolean {
  if (pid === undefined || !(pid > 0)) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Sends a signal to a process that may have ended. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** The parent of this process, its parent, and so on. Empty where the system does not tell. */
export function ancestors(): readonly RunningProcess[] {
  const look = process.platform === 'linux' ? fromProc : fromPs()
  const found: RunningProcess[] = []
  for (let pid = process.ppid; pid > 1;) {
    const parent = look(pid)
    if (!parent) break
    found.push(parent)
    pid = parent.parent
  }
  return found
}

export function commandOf(pid: number): readonly string[] {
  const look = process.platform === 'linux' ? fromProc : fromPs()
  return look(pid)?.command ?? []
}

/** Whether what it prints is seen by a person. Elsewhere than on Linux: whether it was started in a terminal. */
export function writesToTerminal(pid: number): boolean {
  try {
    if (process.platform === 'linux') return /^\/dev\/(pts\/|tty)/.test(readlinkSync(`/proc/${pid}/fd/1`))
    return execFileSync('ps', ['-o', 'tty=', '-p', String(pid)], { encoding: 'utf8' })
      .trim()
      .startsWith('tty')
  } catch {
    return false
  }
}

function fromProc(pid: number): RunningProcess | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold blanks and parentheses itself; the parent is the second field after it.
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean)
    return { pid, parent, command: command.length > 1 ? command : (command[0] ?? '').split(' ') }
  } catch {
    return undefined
  }
}

function fromPs(): (pid: number) => RunningProcess | undefined {
  const all = new Map<number, RunningProcess>()
  for (const line of psLines()) {
    const [, pid, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? []
    if (command !== undefined)
      all.set(Number(pid), { pid: Number(pid), parent: Number(parent), command: command.split(' ') })
  }
  return (pid) => all.get(pid)
}

function psLines(): readonly string[] {
  try {
    return execFileSync('ps', ['-A', '-o', 'pid=,ppid=,command='], {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    }).split('\n')
  } catch {
    return []
  }
}

/** The program's name: of `node /x/npm-cli.js exec` it is `npm-cli.js`. */
export function programNames({ command }: RunningProcess): readonly string[] {
  return command.slice(0, 2).map((part) => basename(part))
}
