import { readFileSync } from 'node:fs'
import { repository } from '../harness.ts'

/** One piece of code of a README, called after its heading and its number there. */
export interface Block {
  readonly name: string
  readonly code: string
}

/** The blocks of TypeScript in their order; headings of another language are counted, not read. */
export function typescriptBlocks(file: 'README.md' | 'README.ko.md'): readonly Block[] {
  const blocks: Block[] = []
  let heading = ''
  let inHeading = 0
  const pieces = readFileSync(`${repository}${file}`, 'utf8').matchAll(/^#+ (.*)$|^```(\w*)\n([^]*?)^```$/gm)
  for (const [, title, language, code = ''] of pieces) {
    if (title !== undefined) [heading, inHeading] = [title, 0]
    else if (language === 'ts') blocks.push({ name: `${heading} ${++inHeading}`, code })
  }
  return blocks
}

/** The lines that begin with `pnpm ops`, without their comments. */
export function opsLines(file: 'README.md' | 'README.ko.md'): readonly string[] {
  return linesOf(file, /^pnpm ops (.*)$/gm)
}

/** The lines that begin with `pnpm new`. */
export function newLines(file: 'README.md' | 'README.ko.md'): readonly string[] {
  return linesOf(file, /^pnpm new (.*)$/gm)
}

function linesOf(file: string, pattern: RegExp): readonly string[] {
  return [...readFileSync(`${repository}${file}`, 'utf8').matchAll(pattern)].map(([line]) => line.replace(/ +#.*/, ''))
}

/** What is left when comments and texts for people, which are translated, are taken out. */
export function untranslated(code: string): string {
  return code
    .replace(/ *\/\/.*$/gm, '')
    .replace(/'([^'\n]*)'/g, (text, inner: string) => (/^[\w@/:.-]*$/.test(inner) ? text : "'…'"))
    .replace(/\s+/g, ' ')
}
