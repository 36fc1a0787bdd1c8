import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PinnedFile } from './pinned-files.ts'

const NAMED = /\bpnpm@(\d+(?:\.\d+)*(?:-[\w.]+)?)/g

/** The version in the root's package.json, which is the one that is tested. @throws Error where it is none. */
export function pnpmVersion(root: string): string {
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly packageManager?: string
  }
  const version = /^pnpm@(\d+\.\d+\.\d+)(?:\+.*)?$/.exec(packageManager ?? '')?.[1]
  if (version !== undefined) return version
  throw new Error(`package.json: packageManager is ${JSON.stringify(packageManager)}, not pnpm@ and an exact version`)
}

export function pinPnpm(text: string, version: string): string {
  return text.replaceAll(NAMED, `pnpm@${version}`)
}

/** What names another pnpm than the tested one. */
export function checkPnpm(files: readonly PinnedFile[], version: string): readonly string[] {
  return files.flatMap(({ path, text }) => {
    const others = new Set(Array.from(text.matchAll(NAMED), ([, named = '']) => named).filter((one) => one !== version))
    return [...others].map((named) => `${path} names pnpm@${named}, and package.json pnpm@${version}`)
  })
}
