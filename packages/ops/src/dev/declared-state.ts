import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryRoot } from './dev-env.ts'

const BROKER_FILES = [
  'nats.setup.conf',
  'nats.accounts.conf',
  'nats.permissions.conf',
  'nats.admin.conf',
  'nats.migrator.conf',
]

/**
 * Changes whenever a channel, a stream, a declaration of an app or the broker's own configuration does. It is compared
 * in intervals instead of watched: a checkout or a new folder cannot be missed that way, and it is a few dozen files.
 */
export function declaredState(root = repositoryRoot): string {
  const contracts = join(root, 'packages/contracts/src')
  const files = [
    ...names(contracts).map((name) => join(contracts, name)),
    ...appNames(root).map((name) => join(root, 'apps', name, 'src/declaration.ts')),
    ...BROKER_FILES.map((name) => join(root, name)),
  ]
  return files.map(stateOf).join('\n')
}

/** What the broker is started with. */
export function brokerFiles(root = repositoryRoot): string {
  return BROKER_FILES.map((name) => textOf(join(root, name))).join('\n')
}

export function appNames(root = repositoryRoot): readonly string[] {
  return names(join(root, 'apps')).toSorted()
}

function names(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    // Between two commits of a checkout.
    return []
  }
}

function stateOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat ? `${path} ${stat.mtimeMs} ${stat.size} ${stat.ino}` : path
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
