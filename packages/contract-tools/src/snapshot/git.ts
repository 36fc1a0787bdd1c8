import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { CONTRACTS_PACKAGE } from '../compatibility/checked.ts'
import { compareVersions } from '../compatibility/changesets.ts'

/** Enough for the snapshot of some thousand channels. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024

/** What git says, or undefined where it fails or is not there. */
function git(repository: string, ...args: readonly string[]): string | undefined {
  try {
    // The folder's own, whatever a hook that runs this has set.
    return execFileSync('git', ['-C', repository, `--git-dir=${join(repository, '.git')}`, ...args], {
      encoding: 'utf8',
      maxBuffer: MAX_OUTPUT_BYTES,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  } catch {
    return undefined
  }
}

/** Whether the folder is where a git repository begins. */
export function isGitRepository(repository: string): boolean {
  return existsSync(join(repository, '.git'))
}

/** The last release's tag, as changesets names it. Where the history is there, one that the checkout comes from. */
export function releaseTag(repository: string): string | undefined {
  const prefix = `${CONTRACTS_PACKAGE}@`
  const isShallow = git(repository, 'rev-parse', '--is-shallow-repository')?.trim() === 'true'
  const merged = isShallow ? [] : ['--merged', 'HEAD']
  return git(repository, 'tag', '--list', `${prefix}*`, ...merged)
    ?.split('\n')
    .filter((tag) => tag.startsWith(prefix) && /^\d+\.\d+\.\d+/.test(tag.slice(prefix.length)))
    .toSorted((a, b) => compareVersions(a.slice(prefix.length), b.slice(prefix.length)))
    .at(-1)
}

/** In this order; none of them is named by a file of the checkout, which a branch can write. */
const DEFAULT_BRANCHES = [
  'remotes/origin/HEAD',
  'remotes/origin/main',
  'remotes/origin/master',
  'heads/main',
  'heads/master',
]

/** The default branch as far as it is here: the remote's before one's own. */
export function defaultBranch(repository: string): string | undefined {
  return DEFAULT_BRANCHES.map((name) => `refs/${name}`).find((ref) => commitOf(repository, ref) !== undefined)
}

/** Where the checkout left the branch; the branch's end where the history is not there. */
export function leftAt(repository: string, branch: string): string {
  return git(repository, 'merge-base', 'HEAD', branch)?.trim() ?? branch
}

/** Whether the checkout is the commit itself, so that what it says is what the branch says. */
export function isCheckout(repository: string, commit: string): boolean {
  return commitOf(repository, 'HEAD') === commitOf(repository, commit)
}

function commitOf(repository: string, name: string): string | undefined {
  return git(repository, 'rev-parse', '--verify', '--quiet', `${name}^{commit}`)?.trim()
}

/** A file as it is at a commit, or undefined where it is not there. */
export function fileAt(repository: string, commit: string, path: string): string | undefined {
  return git(repository, 'show', `${commit}:${path}`)
}
