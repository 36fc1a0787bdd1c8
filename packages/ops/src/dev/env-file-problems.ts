import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { distance } from 'fastest-levenshtein'
import { repositoryRoot } from './dev-env.ts'

/** More letters than this make it another name. */
const MAX_TYPOS = 2
/** As Node reads it: a value in quotes may have several lines. */
const ASSIGNMENT = /^[ \t]*(?:export[ \t]+)?[\w.-]+[ \t]*=(?:[ \t]*(["'`])[^]*?\1[^\n]*|[^\n]*)$/gm
const DOCUMENTED = /^(?:# )?([A-Z][A-Z0-9_]+)=/gm

/**
 * What is probably a mistake in `.env`, one line each: a line that assigns nothing, and a name that nothing reads but that
 * is nearly one of `.env.example`.
 */
export function envFileProblems(folder = repositoryRoot): readonly string[] {
  const text = textOf(join(folder, '.env'))
  const known = documentedNames(textOf(join(folder, '.env.example')))
  const problems = linesWithout(text, ASSIGNMENT).map(
    (line) => `.env:${line}: expected NAME=value; the line is ignored`,
  )
  for (const name of Object.keys(parseEnv(text))) {
    if (known.has(name)) continue
    const meant = [...known].find((other) => distance(name, other) <= MAX_TYPOS)
    if (meant !== undefined) problems.push(`.env: ${name} is unknown and ignored; did you mean ${meant}?`)
  }
  return problems
}

/** Every secret may come from a file that `<NAME>_FILE` names. */
function documentedNames(example: string): ReadonlySet<string> {
  const names = [...example.matchAll(DOCUMENTED)].map(([, name = '']) => name)
  return new Set(names.flatMap((name) => [name, `${name}_FILE`]))
}

/** The numbers of the lines that the pattern leaves, blank lines and comments apart. */
function linesWithout(text: string, pattern: RegExp): readonly number[] {
  const rest = text.replaceAll('\r', '').replace(pattern, (found) => found.replace(/[^\n]/g, ''))
  return rest.split('\n').flatMap((line, index) => (/^\s*(#|$)/.test(line) ? [] : [index + 1]))
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // Neither of them has to be there.
    return ''
  }
}
