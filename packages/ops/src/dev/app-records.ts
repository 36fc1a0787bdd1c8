import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { devDir } from './dev-env.ts'
import { readJson, writeJson } from './json-file.ts'
import { isAlive } from './processes.ts'

/** One app under `dev`, as it writes itself down in `.dev/apps`. */
export interface AppRecord {
  readonly name: string
  readonly pid: number
  /** The `node --watch` that restarts the app when a file in a watched folder changes. */
  readonly watcherPid: number
  /** The turbo that runs the app; undefined when a person started it without. */
  readonly turboPid?: number | undefined
  /** Where it listens for HTTP; undefined until it does. */
  readonly url?: string
}

export function recordApp(record: AppRecord): void {
  writeJson(join(appsDir(), `${record.name}.json`), record)
}

/** Every app whose `node --watch` runs, whether the app itself does or has just crashed. */
export function recordedApps(): readonly AppRecord[] {
  return fileNames()
    .map((file) => readJson<AppRecord>(join(appsDir(), file)))
    .filter((record): record is AppRecord => typeof record?.name === 'string' && isAlive(record.watcherPid))
}

function appsDir(): string {
  return join(devDir(), 'apps')
}

function fileNames(): readonly string[] {
  try {
    return readdirSync(appsDir()).filter((name) => name.endsWith('.json'))
  } catch {
    // Before the first app there is no directory.
    return []
  }
}
