import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const PACKED = join(import.meta.dirname, 'kit-before-1.0')
const INSTALLED = join(import.meta.dirname, '../../node_modules')

export interface OldKit extends Disposable {
  /** What `import()` takes, for each of the two packages. */
  readonly kit: string
  readonly contracts: string
}

/** The packed kit of before 1.0 in a folder of its own, as if installed there, with the client that this one uses. */
export function unpackOldKit(): OldKit {
  const folder = mkdtempSync(join(tmpdir(), 'kit-before-1.0-'))
  const modules = join(folder, 'node_modules')
  const entry = (name: string): string => {
    const target = join(modules, '@alarm-bus', name)
    mkdirSync(target, { recursive: true })
    execFileSync('tar', ['-xzf', join(PACKED, `${name}.tgz`), '--strip-components=1', '-C', target])
    return pathToFileURL(join(target, 'dist/index.js')).href
  }
  const link = (name: string): void => symlinkSync(realpathSync(join(INSTALLED, name)), join(modules, name), 'dir')
  const unpacked = { kit: entry('nats-kit'), contracts: entry('contracts') }
  for (const name of ['@nats-io', 'zod']) link(name)
  return { ...unpacked, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
}
