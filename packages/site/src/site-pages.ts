import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path/posix'

export interface SitePage {
  /** Where its text is in the repository. */
  readonly source: string
  /** Where VitePress finds it: README becomes the folder's index, Korean pages stand below `ko`. */
  readonly path: string
  readonly text: string
}

const FOLDERS = ['', 'docs', 'decisions', 'benchmarks']

/** Every page of the site, with links that are right where it stands on the site. */
export function sitePages(repository: string): readonly SitePage[] {
  const sources = FOLDERS.flatMap((folder) =>
    readdirSync(join(repository, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name)),
  )
  const paths = new Map(sources.map((source) => [source, pathOf(source)]))
  return sources.map((source) => ({
    source,
    path: pathOf(source),
    text: withLinks(readFileSync(join(repository, source), 'utf8'), source, paths, repository),
  }))
}

export function pathOf(source: string): string {
  const isKorean = source.endsWith('.ko.md')
  const path = source.replace(/\.ko\.md$/, '.md').replace(/(^|\/)README\.md$/, '$1index.md')
  return isKorean ? join('ko', path) : path
}

/**
 * Links to other pages follow them. What is in the repository and not on the site (a folder, a configuration) is shown by
 * its path; a link to nothing stays, so that the build fails.
 */
function withLinks(text: string, source: string, paths: ReadonlyMap<string, string>, repository: string): string {
  const here = dirname(pathOf(source))
  return outsideOfCode(text, (prose) =>
    prose.replace(
      /(!?)\[([^\]]*)\]\(([^)\s:#]+)(#[^)\s]*)?\)/g,
      (link, image: string, label: string, target: string, anchor = '') => {
        const file = join(dirname(source), target)
        const path = paths.get(file) ?? paths.get(join(file, 'README.md'))
        if (path !== undefined) return `[${label}](${relative(here, path)}${anchor})`
        if (image !== '' && existsSync(join(repository, file))) return `![${label}](${relative(here, file)})`
        return existsSync(join(repository, file)) ? `${label} (\`${file}\`)` : link
      },
    ),
  )
}

/** Applies `change` to what is no block of code. */
function outsideOfCode(text: string, change: (prose: string) => string): string {
  return text
    .split(/^(```[^]*?^```)$/m)
    .map((part) => (part.startsWith('```') ? part : change(part)))
    .join('')
}
