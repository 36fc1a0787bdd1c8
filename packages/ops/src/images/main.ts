import { newCommand, readCommandLine, repeatable } from '@alarm-bus/command-line'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { appVariable } from '@alarm-bus/contracts'
import { makeApiKey } from '../api-key/make-api-key.ts'
import { readApps } from '../apps/read-apps.ts'
import { startStack } from '../demo/stack.ts'
import { tellStory } from '../demo/story.ts'
import { repositoryRoot } from '../dev/dev-env.ts'
import { say } from '../dev/say.ts'
import { imagesIn } from '../pins/image-references.ts'
import { affectedApps } from './affected-apps.ts'
import { buildahEngine } from './buildah.ts'
import { dockerEngine } from './docker.ts'
import type { AppContainer, Engine } from './engine.ts'
import { describeFigures, figuresOf } from './measure.ts'

const SUMMARY = `Builds the image of every app (docker, or buildah where no engine answers), runs
them against a broker of its own as in production, sends alarms, sees them
handled, ends the apps with SIGTERM, and reports sizes and times.`

const imageOf = (app: string): string => `localhost/alarm-bus-${app}:local`

async function main(): Promise<void> {
  const command = newCommand('pnpm images', SUMMARY)
    .option('--app <name>', "builds that app's image alone, and runs nothing; repeat it for each", repeatable)
    .option(
      '--affected',
      'builds the images of the apps that differ from the base (TURBO_SCM_BASE, else main), and runs nothing',
    )
    .option('--no-build', 'runs the images that exist')
  const help = readCommandLine(
    command,
    process.argv.slice(2).filter((argument) => argument !== '--'),
  )
  if (help !== undefined) return say(help)
  const values = command.opts()
  if (values.affected && values.app) throw new Error('--affected and --app contradict each other')
  const engine = (await dockerEngine()) ?? (await buildahEngine())
  if (!engine) throw new Error('neither docker nor buildah runs here; install one of them')
  const known = (await readApps()).map(({ name }) => name)
  const wrong = values.app?.find((name) => !known.includes(name))
  if (wrong !== undefined) throw new Error(`unknown app ${JSON.stringify(wrong)}; expected one of: ${known.join(', ')}`)
  const chosen = values.affected ? await affectedApps(repositoryRoot) : values.app
  if (chosen?.length === 0) return say('No app is affected.')
  if (values.build) {
    for (const app of chosen ?? known) {
      say(`Building ${imageOf(app)} with ${engine.name} …`)
      await engine.build(imageOf(app), `apps/${app}/Dockerfile`)
    }
  }
  if (!chosen) await runAll(engine)
}

/** Only what a deployment sets: nothing of this machine, and no defaults of development. */
const PASSED_ON = /^NATS_SERVERS$|_PORT$|^PRODUCER_API_KEYS_FILE$|^LOG_API_TOKENS$/

async function runAll(engine: Engine): Promise<void> {
  const containers: AppContainer[] = []
  const startAgain: (() => Promise<AppContainer>)[] = []
  const { key, client } = makeApiKey('images', '*')
  await using keys = await keyFile(JSON.stringify({ clients: [client] }))
  await using stack = await startStack({
    settings: { ...productionSettings(), PRODUCER_API_KEYS_FILE: keys.path },
    start: async (app, env) => {
      const own = `NATS_${appVariable(app, 'PASSWORD')}`
      const passed = Object.entries(env).filter(([name]) => PASSED_ON.test(name) || name === own)
      const start = (): Promise<AppContainer> =>
        engine.start(app, imageOf(app), { env: Object.fromEntries(passed), file: keys.path })
      const container = await start()
      containers.push(container)
      startAgain.push(start)
      return container
    },
  })
  await tellStory(stack, say, { authorization: `Bearer ${key}` })
  for (const container of containers) {
    const healthy = await engine.check(container, [
      'node',
      'node_modules/@alarm-bus/service/dist/healthcheck.js',
      `${container.url}/readyz`,
    ])
    if (!healthy) throw new Error(`the health check of ${container.name} fails`)
  }
  for (const container of containers) await endWithSigterm(container)
  // One at a time, so that none waits for another's start.
  const figures = []
  for (const start of startAgain) {
    await using container = await start()
    figures.push(await figuresOf(engine, container.name, imagesOf(container.name), container))
    await endWithSigterm(container)
  }
  say('Each health check passed, and each app ended with 0 after SIGTERM.')
  for (const line of describeFigures(figures)) say(line)
}

function imagesOf(app: string): { readonly image: string; readonly base: string } {
  const dockerfile = `apps/${app}/Dockerfile`
  const base = imagesIn(readFileSync(join(repositoryRoot, dockerfile), 'utf8')).images.at(-1)
  if (!base) throw new Error(`${dockerfile} names no base image`)
  const { registry, repository, digest, name } = base
  // Not every engine takes a tag and a digest together.
  return { image: imageOf(app), base: digest === undefined ? name : `${registry}/${repository}@${digest}` }
}

async function endWithSigterm({ name, stop }: AppContainer): Promise<void> {
  const { code, signal } = await stop()
  if (code !== 0) throw new Error(`${name} ended with ${code ?? signal} after SIGTERM, not 0`)
}

/** Secrets of the moment: the apps refuse those of development in production. */
function productionSettings(): Readonly<Record<string, string>> {
  const secret = (): string => `p${randomBytes(24).toString('hex')}`
  const users = ['PRODUCER', 'ALARM_CONSUMER', 'LOG_CONSUMER', 'ADMIN', 'MIGRATOR', 'SYS']
  const passwords = users.map((user) => [`NATS_${user}_PASSWORD`, secret()])
  return { ...(Object.fromEntries(passwords) as Record<string, string>), LOG_API_TOKENS: secret() }
}

/** A file of the moment that the containers' users may read. */
async function keyFile(text: string): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'alarm-bus-images-'))
  const path = join(folder, 'api-keys.json')
  await writeFile(path, text)
  await chmod(folder, 0o755)
  return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}

try {
  await main()
} catch (error) {
  console.error(`images: ${(error as Error).message}`)
  process.exitCode = 1
}
process.exit()
