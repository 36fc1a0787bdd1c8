import type { AptOptions } from './debian-package.ts'
import { cacheDirectory, cachedBinary, cachedFolder } from './cache.ts'
import type { DownloadLimits } from './download.ts'
import { DEFAULT_DOWNLOAD_LIMITS } from './download.ts'
import { NatsServerError, messageOf } from './errors.ts'
import { executablesOnPath, isExecutable } from './executables.ts'
import { fetchIntoCache } from './fetch.ts'
import type { Progress } from './progress.ts'
import { printProgress } from './progress.ts'
import { OFFICIAL_RELEASES_URL, binaryName } from './release-asset.ts'
import { RELEASE_HASHES } from './release-hashes.ts'
import { MINIMUM_VERSION, isAtLeast, versionOf } from './version.ts'

export interface FindNatsServerOptions {
  /** Environment to read; default `process.env`. */
  readonly env?: NodeJS.ProcessEnv
  /** Cache directory; default `NATS_SERVER_CACHE`, else the user's cache directory. */
  readonly cacheDir?: string
  /** Base address of the releases; default `NATS_SERVER_RELEASES_URL`, else the project's own. */
  readonly releasesUrl?: string
  /** SHA-256 of the archives by file name, in hex; by default those that this package was released with. */
  readonly releaseHashes?: Readonly<Record<string, string>>
  /** In the terms of `process.platform`, the default. */
  readonly platform?: string
  /** In the terms of `process.arch`, the default. */
  readonly arch?: string
  /** Limits of a download; by default 5 s to the first byte, 20 s standstill, 5 min, 64 MB. */
  readonly limits?: Partial<DownloadLimits>
  /** Where Debian's package comes from; by default suite `testing` on the mirror of the machine's own apt sources. */
  readonly apt?: Omit<AptOptions, 'env'>
  /** How long to wait for another process that fetches, in milliseconds; default 600 000. */
  readonly lockTimeoutMs?: number
  /** Receives each line of progress; by default they go to standard error. */
  readonly onProgress?: Progress
}

export interface FoundNatsServer {
  /** Path of the binary. */
  readonly path: string
  /** Its version, for example `2.15.1`. */
  readonly version: string
  readonly source: 'NATS_SERVER_BIN' | 'PATH' | 'cache' | 'official release' | 'apt'
}

const DEFAULT_LOCK_TIMEOUT_MS = 600_000

/**
 * Finds a nats-server of at least {@link MINIMUM_VERSION}: `NATS_SERVER_BIN`, then `PATH`, then the per-user cache; else
 * fetches the pinned release into that cache.
 * @throws NatsServerError `bin_not_found`, `not_runnable` or `wrong_version` for a `NATS_SERVER_BIN` that is of no use;
 * `not_available` with every way to get one; `checksum_mismatch`, `truncated`, `too_large`, `bad_archive`,
 * `wrong_version`, `bad_signature`, `lock_timeout` or `cache_unwritable` for a fetch that went wrong.
 */
export async function findNatsServer(options: FindNatsServerOptions = {}): Promise<FoundNatsServer> {
  const env = options.env ?? process.env
  const platform = options.platform ?? process.platform
  const arch = options.arch ?? process.arch
  const onProgress = options.onProgress ?? printProgress
  const named = env['NATS_SERVER_BIN']
  if (named) return checkNamed(named)
  const onPath = await firstUsable(await executablesOnPath(binaryName(platform), env['PATH']), onProgress)
  if (onPath) return { ...onPath, source: 'PATH' }

  const folder = cachedFolder(options.cacheDir ?? cacheDirectory(env, platform), platform, arch)
  const path = cachedBinary(folder, platform)
  const cached = await firstUsable((await isExecutable(path)) ? [path] : [], onProgress)
  if (cached) return { ...cached, source: 'cache' }
  const fetched = await fetchIntoCache(folder, {
    releasesUrl: options.releasesUrl ?? (env['NATS_SERVER_RELEASES_URL'] || OFFICIAL_RELEASES_URL),
    releaseHashes: options.releaseHashes ?? RELEASE_HASHES,
    platform,
    arch,
    env,
    limits: { ...DEFAULT_DOWNLOAD_LIMITS, ...options.limits },
    apt: options.apt ?? {},
    lockTimeoutMs: options.lockTimeoutMs ?? DEFAULT_LOCK_TIMEOUT_MS,
    onProgress,
  })
  return { path, version: await versionOf(path), source: fetched === 'waited' ? 'cache' : fetched }
}

/** A binary that was named is used or refused; looking further would hide the mistake. */
async function checkNamed(path: string): Promise<FoundNatsServer> {
  if (!(await isExecutable(path))) {
    throw new NatsServerError('bin_not_found', `NATS_SERVER_BIN names ${path}, which is not an executable file`)
  }
  const version = await versionOf(path)
  if (isAtLeast(version, MINIMUM_VERSION)) return { path, version, source: 'NATS_SERVER_BIN' }
  const message = `NATS_SERVER_BIN names ${path}, which is nats-server ${version}; at least ${MINIMUM_VERSION} is needed`
  throw new NatsServerError('wrong_version', message)
}

async function firstUsable(
  paths: readonly string[],
  onProgress: Progress,
): Promise<{ path: string; version: string } | undefined> {
  for (const path of paths) {
    try {
      const version = await versionOf(path)
      if (isAtLeast(version, MINIMUM_VERSION)) return { path, version }
      onProgress(`${path} is nats-server ${version}, below ${MINIMUM_VERSION}; looking further`)
    } catch (error) {
      onProgress(`${messageOf(error)}; looking further`)
    }
  }
  return undefined
}
