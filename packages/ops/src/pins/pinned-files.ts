import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A file of the repository that names what we build from. */
export interface PinnedFile {
  /** Path below the repository. */
  readonly path: string
  readonly text: string
}

const WITH_IMAGES = ['Dockerfile', '{apps,packages}/*/Dockerfile', 'docker-compose*.yml']

export const filesWithImages = (root: string): readonly PinnedFile[] => filesOf(root, WITH_IMAGES)

/** Rewrites the file where its text is another one; whether it was. */
export function writePinned(root: string, { path, text }: PinnedFile, changed: string): boolean {
  if (changed !== text) writeFileSync(join(root, path), changed)
  return changed !== text
}

export function readPinned(root: string, path: string): PinnedFile {
  return { path, text: readFileSync(join(root, path), 'utf8') }
}

function filesOf(root: string, patterns: readonly string[]): readonly PinnedFile[] {
  const paths = globSync([...patterns], { cwd: root, exclude: ['**/node_modules/**'] })
  return paths.sort().map((path) => readPinned(root, path))
}
