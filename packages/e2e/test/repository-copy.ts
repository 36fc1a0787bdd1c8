import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { repository, run } from './harness.ts'

/** What belongs to one checkout and its runs; some of it comes and goes while other tests run. */
const LEFT_OUT = /[\\/](node_modules|dist|\.git|\.turbo|\.vitest|\.dev|\.api|\.env|plan\.json|\.cluster)$/

/** The repository's files in a git repository of their own, in which a test may break what it likes. */
export interface RepositoryCopy {
  readonly path: string
  read(file: string): string
  write(file: string, text: string): void
  append(file: string, text: string): void
  /** All that has changed, as one commit. */
  commit(message: string): void
  git(...args: readonly string[]): string
  /** Makes a tool of the repository's usable in the copy without installing anything. */
  link(...packages: readonly string[]): void
  remove(): void
}

export function copyRepository(): RepositoryCopy {
  const path = mkdtempSync(join(tmpdir(), 'alarm-bus-copy-'))
  cpSync(repository, path, { recursive: true, filter: (file) => !LEFT_OUT.test(file) })
  const git = (...args: readonly string[]): string =>
    execFileSync('git', ['-C', path, '-c', 'user.name=test', '-c', 'user.email=test@example.com', ...args], {
      encoding: 'utf8',
    })
  const copy: RepositoryCopy = {
    path,
    read: (file) => readFileSync(join(path, file), 'utf8'),
    write: (file, text) => writeFileSync(join(path, file), text),
    append: (file, text) => appendFileSync(join(path, file), text),
    commit(message) {
      git('add', '--all')
      git('commit', '--quiet', '--no-gpg-sign', '--message', message)
    },
    git,
    link(...packages) {
      for (const name of packages) {
        const link = join(path, 'node_modules', name)
        mkdirSync(dirname(link), { recursive: true })
        symlinkSync(join(repository, 'node_modules', name), link)
      }
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  }
  git('init', '--quiet', '--initial-branch=main')
  copy.commit('As it is.')
  return copy
}

export interface DryTask {
  readonly taskId: string
  readonly task: string
  readonly package: string
  readonly hash: string
}

/** The tasks that turbo would run, those apart that a package does not have; a hash it knows is taken from the cache. */
export async function dryRun(copy: RepositoryCopy, ...args: readonly string[]): Promise<readonly DryTask[]> {
  const turbo = run(['node_modules/.bin/turbo', '--cwd', copy.path, 'run', ...args, '--dry=json'])
  const { code } = await turbo.exited
  const text = turbo.output()
  if (code !== 0) throw new Error(`turbo ended with ${code}:\n${text}`)
  const { tasks } = JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)) as {
    readonly tasks: readonly (DryTask & { readonly command: string })[]
  }
  return tasks.filter(({ command }) => command !== '<NONEXISTENT>')
}
