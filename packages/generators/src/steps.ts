import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { REPOSITORY } from './repository.ts'

type Step = readonly string[]

function script(path: string, ...args: readonly string[]): Step {
  return [process.execPath, '--conditions=@alarm-bus/source', path, ...args]
}

/** What is made from the sources, and has to be made again. */
export const follow = {
  // Nothing comes that is not there already.
  install: ['pnpm', 'install', '--no-frozen-lockfile', '--prefer-offline'],
  permissions: script('packages/ops/src/ops.ts', 'permissions'),
  documents: script('packages/contract-tools/src/docs/main.ts'),
  surface: ['node_modules/.bin/turbo', 'run', 'api', '--filter=@alarm-bus/contracts'],
  format: (...paths: readonly string[]): Step => [
    'node_modules/.bin/oxfmt',
    ...paths,
    '.changeset',
    'knip.json',
    'packages/e2e/package.json',
  ],
} as const

/** Runs one command after the other. @throws Error naming the command that failed, which can be typed again. */
export async function steps(commands: readonly Step[]): Promise<string> {
  for (const [command = '', ...args] of commands) {
    const child = spawn(command, args, { cwd: REPOSITORY, stdio: 'inherit' })
    const [code] = (await once(child, 'close')) as [number | null]
    if (code !== 0)
      throw new Error(`the files were written, but this command ended with ${code}: ${[command, ...args].join(' ')}`)
  }
  return 'done'
}
