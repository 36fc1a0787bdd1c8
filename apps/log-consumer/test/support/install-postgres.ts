import { execFile } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

// Runs before vitest knows the workspace's sources, so it imports none of them.

const run = promisify(execFile)
/** Another process may hold one of apt's locks for a while. */
const ATTEMPTS = 20
const BETWEEN_MS = 5_000

/** Once, before any file of tests: several that install together would stand in each other's way. */
export async function setup(): Promise<void> {
  await ensurePostgres()
  await ensurePgBouncer()
}

/** Installs Debian's package where there is no Postgres, and this user may. @returns the folder of its programs. */
export function ensurePostgres(): Promise<string> {
  return ensure('postgresql', findBinaries)
}

/** The same for the pooler. @returns its program. */
export function ensurePgBouncer(): Promise<string> {
  const places = [
    '/usr/sbin/pgbouncer',
    '/usr/bin/pgbouncer',
    '/usr/local/bin/pgbouncer',
    '/opt/homebrew/bin/pgbouncer',
  ]
  return ensure('pgbouncer', () => places.find((place) => existsSync(place)))
}

async function ensure(name: string, find: () => string | undefined): Promise<string> {
  const found = find()
  if (found !== undefined) return found
  const why = `these tests need ${name}: install the package (apt-get install ${name})`
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) throw new Error(why)
  let cause: unknown
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    try {
      await install(name)
      const installed = find()
      if (installed !== undefined) return installed
    } catch (error) {
      cause = error
    }
    await sleep(BETWEEN_MS)
  }
  throw new Error(why, { cause })
}

async function install(name: string): Promise<void> {
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, maxBuffer: 1 << 26 }
  await run('apt-get', ['update'], options)
  await run('apt-get', ['install', '-y', '--no-install-recommends', name], options)
}

/** Where Debian, Homebrew and the official packages put `initdb` and `postgres`. The newest that is there. */
function findBinaries(): string | undefined {
  const folders = globSync(['/usr/lib/postgresql/*/bin', '/opt/homebrew/opt/postgresql@*/bin', '/usr/pgsql-*/bin'])
  return folders
    .toSorted((a, b) => a.localeCompare(b, undefined, { numeric: true }))
    .findLast((folder) => existsSync(join(folder, 'initdb')))
}
