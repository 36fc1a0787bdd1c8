import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fetchDebianPackage } from '@alarm-bus/nats-server/debian-package'
import { repository } from './harness.ts'

/**
 * The path of a program that Debian has a package of: from the PATH where it is, else from the package, fetched once into
 * the repository's cache. Nothing is installed.
 */
export async function debianTool(name: string): Promise<string> {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name))
  const cache = join(repository, 'node_modules/.cache/debian-tools')
  const cached = join(cache, name)
  const found = [...onPath, cached].find(existsSync)
  if (found !== undefined) return found
  mkdirSync(cache, { recursive: true })
  const work = mkdtempSync(join(cache, 'partial-'))
  try {
    const { folder } = await fetchDebianPackage(name, work, {}, () => undefined)
    renameSync(join(folder, 'usr/bin', name), cached)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return cached
}
