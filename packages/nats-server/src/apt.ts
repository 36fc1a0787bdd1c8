import { join } from 'node:path'
import { type AptOptions, fetchDebianPackage } from './debian-package.ts'
import { NatsServerError } from './errors.ts'
import { isExecutable } from './executables.ts'
import type { Progress } from './progress.ts'
import { MINIMUM_VERSION, isAtLeast, versionOf } from './version.ts'

/**
 * Downloads Debian's own package of nats-server into `workDir` and returns the path of the binary in it.
 * @throws NatsServerError as `fetchDebianPackage`, and `not_runnable`, `wrong_version`.
 */
export async function fetchWithApt(workDir: string, options: AptOptions, onProgress: Progress): Promise<string> {
  const { folder, packageName } = await fetchDebianPackage('nats-server', workDir, options, onProgress)
  return checkedBinary(folder, packageName)
}

async function checkedBinary(unpacked: string, packageName: string): Promise<string> {
  for (const folder of ['usr/sbin', 'usr/bin']) {
    const path = join(unpacked, folder, 'nats-server')
    if (!(await isExecutable(path))) continue
    const version = await versionOf(path)
    if (isAtLeast(version, MINIMUM_VERSION)) return path
    throw new NatsServerError('wrong_version', `${packageName} holds nats-server ${version}, below ${MINIMUM_VERSION}`)
  }
  throw new NatsServerError('apt_failed', `${packageName} holds no nats-server binary`)
}
