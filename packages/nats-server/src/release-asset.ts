import { NatsServerError } from './errors.ts'
import { PINNED_VERSION } from './version.ts'

/** Where the project publishes its releases; `NATS_SERVER_RELEASES_URL` names a mirror with the same layout. */
export const OFFICIAL_RELEASES_URL = 'https://github.com/nats-io/nats-server/releases/download'

export interface ReleaseAsset {
  /** File name of the archive, for example `nats-server-v2.15.1-linux-amd64.tar.gz`. */
  readonly fileName: string
  readonly archiveUrl: string
  readonly checksumsUrl: string
  /** Path of the binary inside the archive. */
  readonly binaryPath: string
}

const SYSTEMS: Record<string, string> = { linux: 'linux', darwin: 'darwin', freebsd: 'freebsd', win32: 'windows' }
const MACHINES: Record<string, string> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm7',
  ia32: '386',
  s390x: 's390x',
  ppc64: 'ppc64le',
}

/**
 * Names the official archive for a platform, in the terms of `process.platform` and `process.arch`.
 * @throws NatsServerError `unsupported_platform` when the project publishes none.
 */
export function releaseAsset(platform: string, arch: string, releasesUrl: string): ReleaseAsset {
  const [system, machine] = [SYSTEMS[platform], MACHINES[arch]]
  if (!system || !machine) {
    throw new NatsServerError('unsupported_platform', `nats-server has no official release for ${platform} on ${arch}`)
  }
  const stem = `nats-server-v${PINNED_VERSION}-${system}-${machine}`
  const fileName = `${stem}${system === 'windows' ? '.zip' : '.tar.gz'}`
  const folder = `${releasesUrl.replace(/\/+$/, '')}/v${PINNED_VERSION}`
  return {
    fileName,
    archiveUrl: `${folder}/${fileName}`,
    checksumsUrl: `${folder}/SHA256SUMS`,
    binaryPath: `${stem}/${binaryName(platform)}`,
  }
}

/** What the binary is called on a platform. */
export function binaryName(platform: string): string {
  return platform === 'win32' ? 'nats-server.exe' : 'nats-server'
}
