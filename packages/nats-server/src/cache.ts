import { chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { NatsServerError, messageOf } from './errors.ts'
import { binaryName } from './release-asset.ts'
import { PINNED_VERSION } from './version.ts'

const PARTIAL_PREFIX = 'partial-'

/**
 * The per-user cache: `NATS_SERVER_CACHE`, else `nats-server` in the user's cache directory of the platform
 * (`XDG_CACHE_HOME` or `~/.cache`, `~/Library/Caches` on macOS, `LOCALAPPDATA` on Windows).
 */
export function cacheDirectory(env: NodeJS.ProcessEnv, platform: string): string {
  if (env['NATS_SERVER_CACHE']) return env['NATS_SERVER_CACHE']
  const home = env['HOME'] || homedir()
  if (platform === 'darwin') return join(home, 'Library', 'Caches', 'nats-server')
  if (platform === 'win32' && env['LOCALAPPDATA']) return join(env['LOCALAPPDATA'], 'nats-server')
  return join(env['XDG_CACHE_HOME'] || join(home, '.cache'), 'nats-server')
}

/** One folder for each pin and platform, so that a new pin is fetched afresh and a shared home serves several machines. */
export function cachedFolder(cacheDir: string, platform: string, arch: string): string {
  return join(cacheDir, `pin-${PINNED_VERSION}-${platform}-${arch}`)
}

export function cachedBinary(folder: string, platform: string): string {
  return join(folder, binaryName(platform))
}

/** @throws NatsServerError `cache_unwritable`. */
export async function makeCacheFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true })
  } catch (cause) {
    throw unwritable(folder, cause)
  }
}

/**
 * Runs `fill` with an empty directory beside the binary's place, and moves the binary that it returns there in one step.
 * Afterwards the directory is gone, whatever happened. Who calls holds the folder's lock, so what an interrupted process
 * left behind can be removed first.
 */
export async function installIntoCache(
  folder: string,
  target: string,
  fill: (workDir: string) => Promise<string>,
): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith(PARTIAL_PREFIX)) await rm(join(folder, name), { recursive: true, force: true })
  }
  const workDir = await mkdtemp(join(folder, PARTIAL_PREFIX)).catch((cause: unknown) => {
    throw unwritable(folder, cause)
  })
  try {
    const binary = await fill(workDir)
    await chmod(binary, 0o755)
    await rename(binary, target)
  } finally {
    await rm(workDir, { recursive: true, force: true })
  }
}

function unwritable(folder: string, cause: unknown): NatsServerError {
  const message = `the cache ${folder} cannot be written (set NATS_SERVER_CACHE): ${messageOf(cause)}`
  return new NatsServerError('cache_unwritable', message, { cause })
}
