import { readFileSync } from 'node:fs'
import { repository } from '../harness.ts'

export type Language = 'en' | 'ko'

/**
 * The pages of docs/ whose examples run, in this order and as one program: what a page declares, the pages after it use.
 */
export const PAGES = [
  'publishing',
  'subscribing',
  'dead-letters',
  'reading',
  'requests',
  'contracts',
  'testing-your-app',
] as const

/** The path of a page in a language; `README` is the repository's, every other name one of docs/. */
export function pathOf(page: string, language: Language = 'en'): string {
  return `${page === 'README' ? '' : 'docs/'}${page}${language === 'ko' ? '.ko' : ''}.md`
}

export function textOf(page: string, language: Language = 'en'): string {
  return readFileSync(`${repository}${pathOf(page, language)}`, 'utf8')
}

/** One piece of code of a page, called after the page and its number there. */
export interface Block {
  readonly name: string
  readonly code: string
}

/** The blocks of TypeScript in their order. */
export function typescriptBlocks(page: string, language: Language = 'en'): readonly Block[] {
  return [...textOf(page, language).matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code = ''], i) => ({
    name: `${page} ${i + 1}`,
    code,
  }))
}

/** The lines of the pages that begin with the command, without their comments. */
export function commandLines(command: 'pnpm ops' | 'pnpm new', pages: readonly string[], language: Language = 'en') {
  return pages.flatMap((page) =>
    [...textOf(page, language).matchAll(new RegExp(`^${command} .*$`, 'gm'))].map(([line]) =>
      line.replace(/ +#.*/, ''),
    ),
  )
}

/** What is left when comments and texts for people, which are translated, are taken out. */
export function untranslated(code: string): string {
  return code
    .replace(/ *\/\/.*$/gm, '')
    .replace(/'([^'\n]*)'/g, (text, inner: string) => (/^[\w@/:.-]*$/.test(inner) ? text : "'…'"))
    .replace(/\s+/g, ' ')
}

/** The blocks as one program: each name is imported once, however many pages import it. */
export function programOf(pieces: readonly string[]): string {
  const imported = new Map<string, Set<string>>()
  const bodies = pieces.map((piece) =>
    piece.replace(/^import \{([^}]*)\} from \S([^']*)'\n/gm, (_, names: string, module: string) => {
      const known = imported.get(module) ?? new Set()
      for (const name of names.split(',').map((one) => one.trim())) if (name) known.add(name)
      imported.set(module, known)
      return ''
    }),
  )
  const imports = [...imported].map(([module, names]) => `import { ${[...names].join(', ')} } from '${module}'`)
  return [...imports, ...bodies].join('\n')
}
