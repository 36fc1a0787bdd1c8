import { execFileSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { CheckError } from '../compatibility/check-error.ts'
import { compareVersions } from '../compatibility/changesets.ts'
import { SNAPSHOT_FILE } from '../repository.ts'
import { defaultBranch, fileAt, isCheckout, isGitRepository, leftAt, releaseTag } from './git.ts'
import { parseSnapshot, readSnapshot, type Snapshot } from './snapshot-file.ts'

/** What a release promised, and where that was read. */
export interface Released {
  /** Undefined where nothing was released. */
  readonly snapshot: Snapshot | undefined
  /** In words: `tag @alarm-bus/contracts@1.2.0`. */
  readonly source: string
  /** What could not be known; undefined where the source is one that a branch cannot write. */
  readonly unknown: string | undefined
}

/** Where a package has its snapshot, once it is packed. */
const IN_PACKAGE = 'released/contracts.json'
const GIT_PATH = 'packages/contracts/released/contracts.json'

/**
 * Reads what the last release promised from where a branch cannot write it: a package that was released, where one is
 * given; else git, the tag of the release or the default branch, whichever is later. Without either from the file of the
 * checkout, and says so.
 *
 * @throws CheckError for a source that cannot be read.
 */
export function readReleased(repository: string, released?: string): Released {
  if (released !== undefined) return { ...readPackage(released), unknown: undefined }
  const known = isGitRepository(repository) ? fromGit(repository) : []
  const [best] = known.toSorted((a, b) => compareVersions(versionOf(b), versionOf(a)))
  return (
    best ?? {
      snapshot: readSnapshot(join(repository, SNAPSHOT_FILE)),
      source: SNAPSHOT_FILE,
      unknown: `whether ${SNAPSHOT_FILE} is what was released: neither the tag of a release nor the default branch is here, and a branch can write the file; fetch one of them, or give the released package (--released)`,
    }
  )
}

function versionOf({ snapshot }: Released): string {
  return snapshot?.contractsVersion ?? '0.0.0-none'
}

/** The tag first: of the same version it is the one that counts. */
function fromGit(repository: string): readonly Released[] {
  const tag = releaseTag(repository)
  const branch = defaultBranch(repository)
  return [
    ...(tag === undefined ? [] : [atCommit(repository, `refs/tags/${tag}`, `tag ${tag}`, undefined)]),
    ...(branch === undefined ? [] : [atBranch(repository, branch)]),
  ]
}

function atBranch(repository: string, branch: string): Released {
  const commit = leftAt(repository, branch)
  const name = branch.replace(/^refs\/(heads|remotes)\//, '')
  const unknown = isCheckout(repository, commit)
    ? `whether the last commit of ${name} is what was released: it is what is checked out, and no tag of a release is here`
    : undefined
  return atCommit(repository, commit, `branch ${name}`, unknown)
}

function atCommit(repository: string, commit: string, source: string, unknown: string | undefined): Released {
  const text = fileAt(repository, commit, GIT_PATH)
  return { snapshot: text === undefined ? undefined : parseSnapshot(text, `${GIT_PATH} at ${source}`), source, unknown }
}

/** From a tarball, an installed package, or the file itself. */
function readPackage(path: string): Pick<Released, 'snapshot' | 'source'> {
  if (!existsSync(path)) throw new CheckError(`${path} is not there; --released takes a package: a .tgz or its folder`)
  const file = statSync(path).isDirectory() ? join(path, IN_PACKAGE) : path
  const source = `package ${path}`
  if (!file.endsWith('.tgz')) {
    const snapshot = readSnapshot(file)
    if (!snapshot) throw new CheckError(`${file} is not there, so ${path} says nothing about what was released`)
    return { snapshot, source }
  }
  return { snapshot: parseSnapshot(textInTarball(file), `${IN_PACKAGE} of ${path}`), source }
}

function textInTarball(file: string): string {
  try {
    return execFileSync('tar', ['-xzOf', file, `package/${IN_PACKAGE}`], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  } catch (cause) {
    throw new CheckError(`${file} has no ${IN_PACKAGE}, so it says nothing about what was released`, { cause })
  }
}
