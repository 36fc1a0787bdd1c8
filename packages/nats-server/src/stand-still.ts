import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { BrokerProcess } from './broker-process.ts'
import { NatsServerError } from './errors.ts'

const POLL_MS = 1
const TIMEOUT_MS = 10_000

/**
 * Stops a process and resolves when it stands still, or has ended. `kill` returns before that: a thread that runs on
 * another processor goes on for a while, and can answer what is sent after the signal.
 * @throws NatsServerError `pause_timeout`.
 */
export async function standStill(broker: BrokerProcess): Promise<void> {
  const deadline = Date.now() + TIMEOUT_MS
  broker.signal('SIGSTOP')
  while (!broker.hasExited() && !(await isStopped(broker.pid))) {
    if (Date.now() > deadline) {
      const message = `nats-server did not stand still within ${TIMEOUT_MS} ms; was it resumed meanwhile?`
      throw new NatsServerError('pause_timeout', message)
    }
    await sleep(POLL_MS)
  }
}

/** A process has stopped when its last thread has. */
async function isStopped(pid: number | undefined): Promise<boolean> {
  const threads = `/proc/${pid}/task`
  try {
    const states = existsSync(threads) ? await threadStates(threads) : await processState(String(pid))
    return /^T+$/.test(states)
  } catch {
    // A thread that ended since the folder was read.
    return false
  }
}

/** One letter a thread. The state follows the name, which may hold anything, a bracket too. */
async function threadStates(folder: string): Promise<string> {
  const stats = (await readdir(folder)).map((thread) => readFile(join(folder, thread, 'stat'), 'latin1'))
  return (await Promise.all(stats)).map((stat) => stat.charAt(stat.lastIndexOf(')') + 2)).join('')
}

/** Where there is no Linux /proc. */
async function processState(pid: string): Promise<string> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'state=', '-p', pid])
  return stdout.trim().charAt(0)
}
