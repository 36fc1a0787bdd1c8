import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CheckError } from './check-error.ts'

export const ChangesetSize = { Patch: 'patch', Minor: 'minor', Major: 'major' } as const
export type ChangesetSize = (typeof ChangesetSize)[keyof typeof ChangesetSize]

/** One file of `.changeset`: which packages it bumps by how much, and what it tells their users. */
export interface Changeset {
  readonly file: string
  readonly sizes: ReadonlyMap<string, ChangesetSize>
  readonly text: string
}

const FRONT_MATTER = /^---\r?\n((?:[\s\S]*?\r?\n)?)---[^\S\r\n]*(?:\r?\n([\s\S]*))?$/
const LINE = /^\s*(?:'([^']+)'|"([^"]+)"|([^\s'":]+))\s*:\s*(patch|minor|major)\s*$/

/** The changesets that the next release takes, by file name. @throws CheckError naming a file that is none. */
export function readChangesets(folder: string): readonly Changeset[] {
  return globSync('*.md', { cwd: folder })
    .filter((file) => file.toLowerCase() !== 'readme.md')
    .toSorted()
    .map((file) => parseChangeset(file, readFileSync(join(folder, file), 'utf8')))
}

/** @throws CheckError when the text has no front matter, or a line of it names no package and size. */
export function parseChangeset(file: string, content: string): Changeset {
  const [, front, text = ''] = FRONT_MATTER.exec(content) ?? []
  if (front === undefined) {
    throw new CheckError(`.changeset/${file} does not begin with front matter between two lines of "---"`)
  }
  const sizes = new Map<string, ChangesetSize>()
  for (const line of front.split(/\r?\n/)) {
    if (line.trim() === '' || line.trimStart().startsWith('#')) continue
    const match = LINE.exec(line)
    const name = match?.[1] ?? match?.[2] ?? match?.[3]
    if (!match || name === undefined) {
      throw new CheckError(`.changeset/${file}: ${JSON.stringify(line)} is not "package": patch, minor or major`)
    }
    sizes.set(name, match[4] as ChangesetSize)
  }
  return { file, sizes, text: text.trim() }
}

/**
 * The least size for a change that breaks somebody. Before 1.0.0 that is `minor`: a range such as `^0.1.0` does not take
 * 0.2.0. From 1.0.0 on it is `major`.
 */
export function sizeForBreaking(version: string): ChangesetSize {
  return version.startsWith('0.') ? ChangesetSize.Minor : ChangesetSize.Major
}

/** Whether a changeset is at least that large for the package, and its text names the channel. */
export function announces(changeset: Changeset, packageName: string, size: ChangesetSize, channel: string): boolean {
  const order = Object.values(ChangesetSize)
  const own = changeset.sizes.get(packageName)
  // A longer name that begins with the channel's is another channel.
  const named = new RegExp(`(?<![a-z0-9-])${channel}(?![a-z0-9-])`)
  return own !== undefined && order.indexOf(own) >= order.indexOf(size) && named.test(changeset.text)
}
