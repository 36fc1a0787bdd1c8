import { startApp } from '../demo/app-process.ts'
import { repositoryRoot } from '../dev/dev-env.ts'
import type { Engine } from './engine.ts'
import { run, works } from './run.ts'

/** Where an app may write, owned by the image's user. */
const DATA = '/app/.data:uid=1000,gid=1000'
const BUILD_TIMEOUT_MS = 30 * 60_000

/** Docker, where an engine answers; undefined where none does. */
export async function dockerEngine(): Promise<Engine | undefined> {
  if (!(await works('docker', 'info'))) return undefined
  const size = async (image: string): Promise<number> =>
    Number(await run('docker', ['image', 'inspect', '--format', '{{.Size}}', image]))
  return {
    name: 'docker',
    async build(image, dockerfile) {
      await run('docker', ['build', '--tag', image, '--file', dockerfile, repositoryRoot], BUILD_TIMEOUT_MS)
    },
    sizes: async (image, base) => ({ bytes: await size(image), baseBytes: await size(base) }),
    async start(app, image, { env, file }) {
      const container = `alarm-bus-images-${app}-${process.pid}`
      const flags = [
        '--rm',
        '--init',
        '--name',
        container,
        '--network',
        'host',
        '--read-only',
        '--cap-drop',
        'ALL',
        '--tmpfs',
        DATA,
      ]
      const variables = Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`])
      const started = await startApp(app, {
        env: { PATH: process.env['PATH'] ?? '' },
        command: [
          'docker',
          'run',
          ...flags,
          '--security-opt',
          'no-new-privileges',
          '--volume',
          `${file}:${file}:ro`,
          ...variables,
          image,
        ],
      })
      const nodePid = Number(
        (await run('docker', ['top', container, '-eo', 'pid,args']))
          .split('\n')
          .find((line) => / node /.test(line))
          ?.trim()
          .split(/\s/)[0],
      )
      return { ...started, container, nodePid }
    },
    check: ({ container }, command) => works('docker', 'exec', container, ...command),
  }
}
