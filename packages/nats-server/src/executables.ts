import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

/** Whether a path is a file that this process may run. */
export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}

/** Every runnable file of that name on a `PATH`, in its order. */
export async function executablesOnPath(name: string, path: string | undefined): Promise<string[]> {
  const candidates = (path ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
  const runnable = await Promise.all(candidates.map(isExecutable))
  return candidates.filter((_, index) => runnable[index])
}
