import { closeSync, fchmodSync, fstatSync, openSync, writeFileSync } from 'node:fs'

const OWNER_ONLY = 0o600

/**
 * Opens a file for its owner alone, also one that was there with wider rights; what was in it is gone. What is no file,
 * such as /dev/stdout, keeps its rights.
 *
 * @returns its descriptor, which the caller closes.
 */
export function openPrivate(path: string): number {
  const file = openSync(path, 'w', OWNER_ONLY)
  try {
    if (fstatSync(file).isFile()) fchmodSync(file, OWNER_ONLY)
    return file
  } catch (error) {
    closeSync(file)
    throw error
  }
}

/** Writes what is not for other users of the machine. */
export function writePrivate(path: string, text: string): void {
  const file = openPrivate(path)
  try {
    writeFileSync(file, text)
  } finally {
    closeSync(file)
  }
}
