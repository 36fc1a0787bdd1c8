import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Linux counts processor time in hundredths of a second on every platform that Node runs on. */
const TICKS_PER_SECOND = 100

/** Processor time of a process so far, user and system, in seconds. A process that is gone has used none. */
export function cpuSeconds(pid: number): number {
  try {
    return process.platform === 'linux' ? fromProc(pid) : fromPs(pid)
  } catch {
    return 0
  }
}

function fromProc(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field is the program's name in brackets, which may hold blanks; `utime` and `stime` are the 12th and
  // 13th after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

function fromPs(pid: number): number {
  return parsePsTime(execFileSync('ps', ['-o', 'time=', '-p', String(pid)], { encoding: 'utf8' }))
}

/** `[[days-]hours:]minutes:seconds`, with or without a fraction. */
export function parsePsTime(text: string): number {
  const [days, clock] = text.includes('-') ? text.trim().split('-') : ['0', text.trim()]
  return (clock ?? '').split(':').reduce((seconds, part) => seconds * 60 + Number(part), 0) + Number(days) * 86_400
}
