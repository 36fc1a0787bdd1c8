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
 * The least size for a breaking change. Before 1.0.0 that is `minor`: a range such as `^0.1.0` does not take
 * 0.2.0. From 1.0.0 on it is `major`.
 */
export function sizeForBreaking(version: string): ChangesetSize {
  return version.startsWith('0.') ? ChangesetSize.Minor : ChangesetSize.Major
}

/**
 * Whether a changeset is at least that large for the package, and says in a line of its own that the channel breaks:
 * `Breaking: order-placed`. A name that only comes up in its text may be there for any reason.
 */
export function announces(changeset: Changeset, packageName: string, size: ChangesetSize, channel: string): boolean {
  const order = Object.values(ChangesetSize)
  const own = changeset.sizes.get(packageName)
  return own !== undefined && order.indexOf(own) >= order.indexOf(size) && namedAsBreaking(changeset.text).has(channel)
}

/** The line, as an item of a list too, behind the commit that changesets puts before it. */
const BREAKING = /^\s*(?:[-*]\s+)?(?:[0-9a-f]{7,40}:\s+)?(?:\*\*)?Breaking:(?:\*\*)?\s*(.+)$/gim
const COMMENT = /<!--[\s\S]*?(?:-->|$)/g
const CODE_BLOCK = /^(```|~~~)[\s\S]*?^\1/gm
const CHANNEL = /^[a-z][a-z0-9-]*$/

/** The channels of all lines that begin with `Breaking:`, outside of comments and code. */
function namedAsBreaking(text: string): ReadonlySet<string> {
  const shown = text.replaceAll(COMMENT, '').replaceAll(CODE_BLOCK, '')
  const names = [...shown.matchAll(BREAKING)].flatMap(([, names = '']) => names.split(/,|\band\b/))
  return new Set(names.map((name) => name.replaceAll(/[`.\s]/g, '')).filter((name) => CHANNEL.test(name)))
}

/**
 * What the changelog says of the versions above one, up to another: changesets that a release took, each with the size that
 * its heading says.
 */
export function changelogChangesets(
  changelog: string,
  packageName: string,
  { above, upTo }: { readonly above: string; readonly upTo: string },
): readonly Changeset[] {
  return changelog
    .split(/^## (?=\d)/m)
    .slice(1)
    .flatMap((section): readonly Changeset[] => {
      const version = /^\S+/.exec(section)?.[0] ?? ''
      if (compareVersions(version, above) <= 0 || compareVersions(version, upTo) > 0) return []
      return section
        .split(/^### (?=(?:Major|Minor|Patch) Changes)/m)
        .slice(1)
        .map((part) => {
          const [heading = ''] = part.split(' ', 1)
          return {
            file: `CHANGELOG.md ${version}`,
            sizes: new Map([[packageName, heading.toLowerCase() as ChangesetSize]]),
            text: part,
          }
        })
    })
}

/** Above 0: `one` is the later version. A version with a tail, such as `1.0.0-next.1`, comes before the one without. */
export function compareVersions(one: string, other: string): number {
  const parts = (version: string): readonly number[] => {
    const [core = '', tail] = version.split('-', 2)
    return [...core.split('.').map(Number), tail === undefined ? 1 : 0]
  }
  const [a, b] = [parts(one), parts(other)]
  const index = a.findIndex((part, at) => part !== b[at])
  return index === -1 ? 0 : (a[index] ?? 0) - (b[index] ?? 0)
}
