import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { differenceOf } from './difference.ts'

/** A document that is not what the code says, and the first line in which it differs. */
export interface Drift {
  readonly path: string
  readonly difference: string
}

/** The documents below `root` that differ from those made. */
export async function findDrift(root: string, documents: ReadonlyMap<string, string>): Promise<readonly Drift[]> {
  const found: Drift[] = []
  for (const [path, text] of documents) {
    const committed = await readFile(join(root, path), 'utf8').catch(() => undefined)
    const difference = differenceOf(committed, text)
    if (difference !== undefined) found.push({ path, difference })
  }
  return found
}

export async function writeDocuments(root: string, documents: ReadonlyMap<string, string>): Promise<void> {
  for (const [path, text] of documents) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
}
