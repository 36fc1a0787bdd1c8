import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as declared from '@alarm-bus/contracts'

/** The checkout's root. */
export const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url))

export function read(file: string): string {
  return readFileSync(join(REPOSITORY, file), 'utf8')
}

export function exists(path: string): boolean {
  return existsSync(join(REPOSITORY, path))
}

/** The apps' names, sorted. What another branch has left in `apps` is none. */
export function appNames(): readonly string[] {
  return readdirSync(join(REPOSITORY, 'apps'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && exists(`apps/${entry.name}/package.json`))
    .map(({ name }) => name)
    .toSorted()
}

/** What the contracts export a channel or a stream as: `alarmToBot`. */
export function exportNameOf(value: unknown): string {
  const found = Object.entries(declared).find(([, exported]) => exported === value)
  if (!found) throw new Error('packages/contracts/src/index.ts does not export every channel and stream')
  return found[0]
}

export function isExported(name: string): boolean {
  return name in declared
}
