import { join } from 'node:path'
import type { AptOptions } from './debian-package.ts'
import { fetchWithApt } from './apt.ts'
import { cachedBinary, installIntoCache, makeCacheFolder } from './cache.ts'
import type { DownloadLimits } from './download.ts'
import type { NatsServerErrorCode } from './errors.ts'
import { NatsServerError } from './errors.ts'
import { withLock } from './lock.ts'
import { fetchOfficialRelease } from './official-release.ts'
import type { Progress } from './progress.ts'
import { MINIMUM_VERSION, PINNED_VERSION, isAtLeast, versionOf } from './version.ts'

export interface FetchOptions {
  readonly releasesUrl: string
  readonly platform: string
  readonly arch: string
  readonly env: NodeJS.ProcessEnv
  readonly limits: DownloadLimits
  readonly releaseHashes: Readonly<Record<string, string>>
  readonly apt: AptOptions
  readonly lockTimeoutMs: number
  readonly onProgress: Progress
}

/** How a binary came into the cache; `waited`: another process had put it there. */
export type FetchSource = 'official release' | 'apt' | 'waited'

/** The release cannot be had from its place; anything else is a fault that has to be seen. */
const UNREACHABLE: readonly NatsServerErrorCode[] = ['unsupported_platform', 'no_network', 'timeout', 'http_error']
/** apt cannot help either; anything else it says is a fault that has to be seen. */
const NO_HELP: readonly NatsServerErrorCode[] = ['no_apt', 'no_keyring', 'no_network', 'timeout', 'apt_failed']

/**
 * Fills the cache folder: first from the official release, and where that cannot be reached from Debian's package. Of
 * several processes one fetches and the others wait for it.
 * @throws NatsServerError `not_available` with every way to get one; the codes of the two sources for a fault.
 */
export async function fetchIntoCache(folder: string, options: FetchOptions): Promise<FetchSource> {
  await makeCacheFolder(folder)
  const target = cachedBinary(folder, options.platform)
  const onWait = (): void => options.onProgress('another process is fetching nats-server; waiting for it')
  return withLock(join(folder, 'lock'), { waitTimeoutMs: options.lockTimeoutMs, onWait }, async () => {
    if (await isUsable(target)) return 'waited'
    let source: FetchSource = 'official release'
    const unreachable = await orUnavailable(UNREACHABLE, () =>
      installIntoCache(folder, target, (workDir) => fetchOfficialRelease(workDir, options)),
    )
    if (unreachable) {
      source = 'apt'
      options.onProgress(`${unreachable.message}; trying Debian's package`)
      const { apt, env, onProgress } = options
      const noHelp = await orUnavailable(NO_HELP, () =>
        installIntoCache(folder, target, (workDir) => fetchWithApt(workDir, { ...apt, env }, onProgress)),
      )
      if (noHelp) throw notAvailable(folder, [unreachable, noHelp])
    }
    options.onProgress(`nats-server is in the cache: ${target} (${source})`)
    return source
  })
}

async function isUsable(path: string): Promise<boolean> {
  const version = await versionOf(path).catch(() => undefined)
  return version !== undefined && isAtLeast(version, MINIMUM_VERSION)
}

async function orUnavailable(
  codes: readonly NatsServerErrorCode[],
  work: () => Promise<void>,
): Promise<NatsServerError | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    if (error instanceof NatsServerError && codes.includes(error.code)) return error
    throw error
  }
}

function notAvailable(folder: string, causes: readonly NatsServerError[]): NatsServerError {
  const message = [
    'No nats-server was found on this machine, and none could be downloaded:',
    ...causes.map((cause) => `  - ${cause.message}`),
    'Any one of these ways gets one:',
    '  - docker compose up nats                    the broker in a container, for development',
    '  - NATS_SERVER_BIN=/path/to/nats-server      a binary of your own',
    '  - put nats-server on PATH                   brew install nats-server, scoop install main/nats-server,',
    '                                              go install github.com/nats-io/nats-server/v2@latest',
    `  - NATS_SERVER_RELEASES_URL=https://…        a mirror of the official releases, with v${PINNED_VERSION}/SHA256SUMS`,
    '  - HTTPS_PROXY=… NODE_USE_ENV_PROXY=1        the official release through a proxy',
    "  - apt-get and debian-archive-keyring        Debian's package, on Debian and Ubuntu, without root",
    `  - copy a binary to ${folder}`,
  ].join('\n')
  return new NatsServerError('not_available', message, { cause: new AggregateError(causes) })
}
