import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DownloadLimits } from './download.ts'
import { downloadFile, downloadText } from './download.ts'
import { NatsServerError } from './errors.ts'
import type { Progress } from './progress.ts'
import type { ReleaseAsset } from './release-asset.ts'
import { releaseAsset } from './release-asset.ts'
import { runCommand } from './run-command.ts'
import { PINNED_VERSION, versionOf } from './version.ts'

export interface OfficialReleaseOptions {
  readonly releasesUrl: string
  readonly platform: string
  readonly arch: string
  readonly limits: DownloadLimits
  /** SHA-256 by file name; they win over what the release says of itself. */
  readonly releaseHashes: Readonly<Record<string, string>>
  readonly onProgress: Progress
}

const EXTRACT_TIMEOUT_MS = 60_000
const CHECKSUM_LINE = /^([0-9a-f]{64}) [ *](\S+)$/gim

/**
 * Fetches the pinned official release into `workDir` and returns the path of its binary there. A transfer that breaks
 * off is tried once more; a wrong checksum is not. Where `releaseHashes` holds none for the archive it says so, and takes
 * the one in SHA256SUMS beside it.
 * @throws NatsServerError `unsupported_platform`, `no_network`, `timeout`, `http_error`, `truncated`, `too_large`,
 * `checksum_mismatch`, `bad_archive`, `not_runnable`, `wrong_version`.
 */
export async function fetchOfficialRelease(workDir: string, options: OfficialReleaseOptions): Promise<string> {
  const asset = releaseAsset(options.platform, options.arch, options.releasesUrl)
  options.onProgress(`fetching nats-server ${PINNED_VERSION} from ${asset.archiveUrl}`)
  const archive = join(workDir, asset.fileName)
  try {
    await downloadChecked(asset, archive, options)
  } catch (error) {
    if (!(error instanceof NatsServerError) || error.code !== 'truncated') throw error
    options.onProgress(`${error.message}; trying once more`)
    await downloadChecked(asset, archive, options)
  }
  return unpack(asset, archive, workDir)
}

async function downloadChecked(asset: ReleaseAsset, path: string, options: OfficialReleaseOptions): Promise<void> {
  const pinned = options.releaseHashes[asset.fileName]
  if (pinned === undefined) {
    options.onProgress(`unpinned: ${asset.fileName} is held against ${asset.checksumsUrl}, from where it comes itself`)
  }
  const expected = pinned ?? checksumOf(asset, await downloadText(asset.checksumsUrl, options.limits))
  await rm(path, { force: true })
  const actual = await downloadFile(asset.archiveUrl, path, options.limits, options.onProgress)
  if (actual === expected) return
  const said = `${pinned === undefined ? 'SHA256SUMS says' : 'pinned is'} ${expected}`
  throw new NatsServerError(
    'checksum_mismatch',
    `${asset.archiveUrl} has SHA-256 ${actual}, but ${said}: the file was changed on its way or at its source, and was ` +
      'thrown away',
  )
}

function checksumOf(asset: ReleaseAsset, sums: string): string {
  const lines = [...sums.matchAll(CHECKSUM_LINE)]
  // A proxy's login page, for example, answers 200 with something that is no list of checksums.
  if (lines.length === 0) throw new NatsServerError('http_error', `${asset.checksumsUrl} holds no checksums`)
  const found = lines.find(([, , name]) => name === asset.fileName)?.[1]
  if (found) return found.toLowerCase()
  throw new NatsServerError('unsupported_platform', `${asset.checksumsUrl} lists no ${asset.fileName}`)
}

async function unpack(asset: ReleaseAsset, archive: string, workDir: string): Promise<string> {
  // The system's tar reads .tar.gz everywhere, and .zip on Windows.
  const args = ['-xf', archive, '-C', workDir, '--no-same-owner']
  const result = await runCommand('tar', args, { cwd: workDir, timeoutMs: EXTRACT_TIMEOUT_MS })
  if (result.startError || result.code !== 0) {
    const why = result.startError?.message ?? result.output.trim()
    throw new NatsServerError('bad_archive', `${asset.fileName} cannot be unpacked: ${why}`, {
      cause: result.startError,
    })
  }
  const binary = join(workDir, asset.binaryPath)
  const version = await versionOf(binary)
  if (version === PINNED_VERSION) return binary
  throw new NatsServerError('wrong_version', `${asset.archiveUrl} holds nats-server ${version}, not ${PINNED_VERSION}`)
}
