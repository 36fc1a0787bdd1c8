import { stat } from 'node:fs/promises'

/** What is written goes to a file that is not at its path any more. */
export class FileMovedError extends Error {
  override readonly name = 'FileMovedError'
}

/**
 * Watches files that are open under a path. One that was moved or removed is written to all the same, and no process that opens
 * the path finds it.
 */
export class SameFiles {
  readonly #paths: readonly string[]
  /** Device and inode of each, as it was first seen. */
  readonly #seen = new Map<string, string>()

  constructor(paths: readonly string[]) {
    this.#paths = paths
  }

  /** @throws FileMovedError when a file that was seen is not the one at its path. */
  async check(): Promise<void> {
    for (const path of this.#paths) {
      const found = await identityOf(path)
      const seen = this.#seen.get(path)
      if (seen === undefined) {
        if (found !== undefined) this.#seen.set(path, found)
      } else if (seen !== found) {
        const what = found === undefined ? 'was moved or removed' : 'was replaced: another file is at its path'
        throw new FileMovedError(`${path} ${what}; put it back, or start log-consumer again with what is there`)
      }
    }
  }
}

async function identityOf(path: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(path, { bigint: true })
    return `${dev} ${ino}`
  } catch (error) {
    if ((error as { readonly code?: unknown }).code === 'ENOENT') return undefined
    throw error
  }
}
