import { execFile, execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { contracts } from '@alarm-bus/contracts'
import { expect } from 'vitest'
import { readContractsVersion, REPOSITORY, SNAPSHOT_FILE } from '../src/repository.ts'
import { writeSnapshot } from '../src/snapshot/snapshot-file.ts'
import { takeSnapshot } from '../src/snapshot/take-snapshot.ts'

export const ALARMS = join('packages', 'contracts', 'src', 'alarms.ts')

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A copy of the repository in which a test changes what it likes, and the commands as a person runs them there. */
export interface RepositoryCopy {
  readonly root: string
  check(...args: readonly string[]): Promise<Ended>
  release(...args: readonly string[]): Promise<Ended>
  git(...args: readonly string[]): string
  edit(file: string, change: (text: string) => string): void
  /** Shorter alarms: old messages may be refused, and publishers too. */
  shorten(): void
  raiseVersion(): void
  remove(): void
}

/** All that is declared today is released in the copy, whatever waits for a release here. */
export function copyRepository(): RepositoryCopy {
  const root = mkdtempSync(join(tmpdir(), 'alarm-bus-contracts-'))
  const isSource = (path: string): boolean => !/[\\/](node_modules|dist|\.turbo|\.vitest|test)$/.test(path)
  for (const folder of ['apps', join('packages', 'contracts'), '.changeset']) {
    cpSync(join(REPOSITORY, folder), join(root, folder), { recursive: true, filter: isSource })
  }
  linkModules(root)
  writeSnapshot(join(root, SNAPSHOT_FILE), {
    contractsVersion: readContractsVersion(root),
    ...takeSnapshot(contracts),
  })
  return repositoryAt(root)
}

/** What the copy imports, from where it was copied. */
export function linkModules(root: string): void {
  for (const folder of [
    'packages/contracts',
    'apps/producer',
    'apps/alarm-consumer',
    'apps/console',
    'apps/log-consumer',
  ]) {
    symlinkSync(join(REPOSITORY, folder, 'node_modules'), join(root, folder, 'node_modules'))
  }
}

export function repositoryAt(root: string): RepositoryCopy {
  const edit = (file: string, change: (text: string) => string): void => {
    const path = join(root, file)
    const before = readFileSync(path, 'utf8')
    const after = change(before)
    expect(after, `${file} is to change`).not.toBe(before)
    writeFileSync(path, after)
  }
  return {
    root,
    edit,
    check: (...args) => run('contracts-check.ts', '--root', root, ...args),
    release: (...args) => run('contracts-release.ts', '--root', root, ...args),
    git: (...args) =>
      execFileSync('git', ['-C', root, '-c', 'user.name=test', '-c', 'user.email=test@test.example', ...args], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    shorten: () => edit(ALARMS, (text) => text.replace('MAX_TEXT_CHARACTERS = 4_000', 'MAX_TEXT_CHARACTERS = 100')),
    raiseVersion: () =>
      edit(join('packages', 'contracts', 'package.json'), (text) =>
        text.replace(/"version": "[^"]+"/, '"version": "0.9.0"'),
      ),
    remove: () => rmSync(root, { recursive: true, force: true }),
  }
}

function run(script: string, ...args: readonly string[]): Promise<Ended> {
  const path = join(import.meta.dirname, '..', 'src', script)
  return new Promise((resolve) => {
    execFile(process.execPath, ['--conditions=@alarm-bus/source', path, ...args], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr })
    })
  })
}
