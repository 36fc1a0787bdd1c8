import { randomUUID } from 'node:crypto'
import { readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { NatsServerError } from './errors.ts'

export interface LockOptions {
  /** How long to wait for another holder, in milliseconds. */
  readonly waitTimeoutMs: number
  /** Called once, when another process holds the lock. */
  readonly onWait: () => void
}

const POLL_MS = 100
const HEARTBEAT_MS = 2_000
/** Thirty missed heartbeats: the holder is gone, or its machine is. */
const STALE_AFTER_MS = 60_000

/**
 * Runs `work` while holding a lock file that other processes respect. A lock whose process has died is taken over. In a
 * race for such a lock two may run at once; the callers' work ends in an atomic rename, so that costs time and nothing
 * else.
 * @throws NatsServerError `lock_timeout`, and whatever `work` throws.
 */
export async function withLock<T>(path: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  const content = JSON.stringify({ pid: process.pid, host: hostname(), id: randomUUID() })
  await acquire(path, content, options)
  const heartbeat = setInterval(() => {
    const now = new Date()
    // The lock may have been taken over; then there is nothing to keep fresh.
    utimes(path, now, now).catch(() => {})
  }, HEARTBEAT_MS)
  heartbeat.unref()
  try {
    return await work()
  } finally {
    clearInterval(heartbeat)
    if ((await readLock(path)) === content) await rm(path, { force: true })
  }
}

async function acquire(path: string, content: string, options: LockOptions): Promise<void> {
  const deadline = Date.now() + options.waitTimeoutMs
  let isAnnounced = false
  while (!(await tryCreate(path, content))) {
    if (await isStale(path)) {
      // A rename takes the old lock away exactly once, however many processes see that it is stale.
      const aside = `${path}.${randomUUID()}`
      await rename(path, aside).catch(() => {})
      await rm(aside, { force: true })
      continue
    }
    if (Date.now() > deadline) {
      const message = `another process has been fetching nats-server for ${options.waitTimeoutMs} ms; its lock is ${path}`
      throw new NatsServerError('lock_timeout', message)
    }
    if (!isAnnounced) options.onWait()
    isAnnounced = true
    await sleep(POLL_MS)
  }
}

async function tryCreate(path: string, content: string): Promise<boolean> {
  try {
    await writeFile(path, content, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function isStale(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  if (!found) return false
  if (Date.now() - found.mtimeMs > STALE_AFTER_MS) return true
  const owner = ownerOf(await readLock(path))
  return owner?.host === hostname() && !isAlive(owner.pid)
}

function readLock(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}

/** A lock that is just being written is still empty, and has no owner yet. */
function ownerOf(content: string): { pid: number; host: string } | undefined {
  try {
    const { pid, host } = JSON.parse(content) as Record<string, unknown>
    return typeof pid === 'number' && typeof host === 'string' ? { pid, host } : undefined
  } catch {
    return undefined
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
