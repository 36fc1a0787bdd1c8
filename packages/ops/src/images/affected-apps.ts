import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

/**
 * Names of the apps that differ from the base, in themselves or in what they use. The base is turbo's: TURBO_SCM_BASE,
 * else the default branch. A base that is not known makes every app affected.
 */
export async function affectedApps(root: string, turbo = join(root, 'node_modules/.bin/turbo')): Promise<string[]> {
  const { stdout } = await promisify(execFile)(turbo, ['--cwd', root, 'ls', '--affected', '--output=json'])
  const { packages } = JSON.parse(stdout) as {
    readonly packages: { readonly items: readonly { readonly name: string; readonly path: string }[] }
  }
  return packages.items.flatMap(({ name, path }) => (path.startsWith('apps/') ? [name] : []))
}
