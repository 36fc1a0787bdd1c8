import { readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { startApp } from '../demo/app-process.ts'
import { repositoryRoot } from '../dev/dev-env.ts'
import type { Engine } from './engine.ts'
import { run, works } from './run.ts'

const BUILD_TIMEOUT_MS = 30 * 60_000
const RUN = ['run', '--isolation', 'chroot', '--network', 'host']

interface ImageConfig {
  readonly OCIv1: { readonly config: { readonly Entrypoint: readonly string[]; readonly Env?: readonly string[] } }
}

/**
 * Buildah, for a machine without an engine: builds and runs as root in a chroot, with the machine's network. The base
 * image has to be there, pulled or made. undefined where there is no buildah.
 */
export async function buildahEngine(): Promise<Engine | undefined> {
  if (!(await works('buildah', '--version'))) return undefined
  const size = async (image: string): Promise<number> => {
    const container = await run('buildah', ['from', '--pull-never', image], 300_000)
    try {
      const root = await run('buildah', ['mount', container])
      return Number((await run('du', ['-sb', '--one-file-system', root], 300_000)).split('\t')[0])
    } finally {
      await run('buildah', ['rm', container], 300_000)
    }
  }
  return {
    name: 'buildah',
    async build(image, dockerfile) {
      const flags = ['--pull-never', '--isolation', 'chroot', '--network', 'host', '--layers=false']
      await run('buildah', ['bud', ...flags, '--tag', image, '--file', dockerfile, repositoryRoot], BUILD_TIMEOUT_MS)
    },
    sizes: async (image, base) => ({ bytes: await size(image), baseBytes: await size(base) }),
    async start(app, image, { env, file }) {
      const { config } = (JSON.parse(await run('buildah', ['inspect', '--type', 'image', image])) as ImageConfig).OCIv1
      const container = await run('buildah', ['from', '--pull-never', image], 300_000)
      const variables = Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`])
      const started = await startApp(app, {
        env: { PATH: process.env['PATH'] ?? '', STORAGE_DRIVER: process.env['STORAGE_DRIVER'] ?? '' },
        command: [
          'buildah',
          ...RUN,
          '--volume',
          `${file}:${file}:ro`,
          ...variables,
          container,
          '--',
          ...config.Entrypoint,
        ],
      })
      const nodePid = nodeBelow(started.pid)
      return {
        ...started,
        container,
        nodePid,
        // buildah passes no signal on.
        stop: async () => {
          process.kill(nodePid, 'SIGTERM')
          return started.exited
        },
        [Symbol.asyncDispose]: async () => {
          await started[Symbol.asyncDispose]()
          await run('buildah', ['rm', container], 300_000)
        },
      }
    },
    check: ({ container }, command) => works('buildah', ...RUN, container, '--', ...command),
  }
}

/** The process `node` among the descendants of `ancestor`. */
function nodeBelow(ancestor: number): number {
  const parents = new Map<number, number>()
  const names = new Map<number, string>()
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
      const [, name, rest] = /\((.*)\) . (\d+)/s.exec(stat) ?? []
      parents.set(Number(entry), Number(rest))
      names.set(Number(entry), readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0')[0] ?? name ?? '')
    } catch {
      // It has ended meanwhile.
    }
  }
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid)
    return parent === ancestor || (parent !== undefined && parent > 1 && isBelow(parent))
  }
  const found = [...names].find(([pid, name]) => basename(name) === 'node' && isBelow(pid))
  if (!found) throw new Error(`no process node below ${ancestor}`)
  return found[0]
}
