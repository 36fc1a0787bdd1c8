import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Contracts } from '@alarm-bus/contracts'
import { CheckError } from './compatibility/check-error.ts'

/** Where this repository begins, with a separator at its end. */
export const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url))

/** Where the release step keeps the contracts that were released last. */
export const SNAPSHOT_FILE = join('packages', 'contracts', 'released', 'contracts.json')

/** The contracts that the sources of a repository declare. @throws CheckError with what is wrong with a declaration. */
export async function readContracts(repository: string): Promise<Contracts> {
  const file = join(repository, 'packages', 'contracts', 'src', 'contracts.ts')
  try {
    const { contracts } = (await import(pathToFileURL(file).href)) as { readonly contracts: Contracts }
    return contracts
  } catch (cause) {
    throw new CheckError(`the contracts cannot be read: ${(cause as Error).message}`, { cause })
  }
}

/** The version of the contracts' package. @throws CheckError when its package.json cannot be read. */
export function readContractsVersion(repository: string): string {
  const file = join(repository, 'packages', 'contracts', 'package.json')
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version
  } catch (cause) {
    throw new CheckError(`${file} cannot be read: ${(cause as Error).message}`, { cause })
  }
}

/** The changelog of the contracts' package; empty where there is none yet. */
export function readChangelog(repository: string): string {
  const file = join(repository, 'packages', 'contracts', 'CHANGELOG.md')
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}
