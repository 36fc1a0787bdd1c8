import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { REPOSITORY } from './repository.ts'

/** Writes files, by their path from the repository's root, and says which. */
export function writeAll(files: ReadonlyMap<string, string>): string {
  for (const [file, text] of files) {
    const path = join(REPOSITORY, file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  return [...files.keys()].join(', ')
}
