import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { appVariable, contracts } from '@alarm-bus/contracts'
import { type NatsServer, startNatsServer } from '@alarm-bus/nats-server'
import { applyStreams } from '../apply-streams.ts'
import { readApps } from '../apps/read-apps.ts'
import { readEnvironment } from '../config.ts'
import { deployedBy } from '../dev/deployed.ts'
import { repositoryRoot } from '../dev/dev-env.ts'
import { type AppProcess, startApp } from './app-process.ts'

/** The whole alarm bus, each app in a process of its own and with a user of its own, everything on free ports. */
export interface Stack extends AsyncDisposable {
  readonly broker: NatsServer
  readonly producer: AppProcess
  readonly alarmConsumer: AppProcess
  readonly logConsumer: AppProcess
}

export interface StackOptions {
  /** Over the defaults of `.env.example`. */
  readonly settings?: Readonly<Record<string, string>>
  /** Starts an app with that environment, in place of one from its sources. */
  readonly start?: (name: string, env: Readonly<Record<string, string>>) => Promise<AppProcess>
}

/** What a process needs of the machine. Settings of the bus come from `.env.example` alone, so that each run is alike. */
const FROM_THE_MACHINE = ['PATH', 'HOME', 'TMPDIR', 'TEMP', 'TMP', 'SystemRoot', 'LANG', 'TZ', 'NODE_COMPILE_CACHE']

/**
 * Starts a broker on `nats.setup.conf`, applies the streams and starts the apps. Disposing of the stack ends the apps
 * first, so that they can hand in their last acks, and deletes what the broker stored.
 *
 * @throws Error when a part does not start; then nothing of it is left.
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const { start = (name, env) => startApp(name, { env }) } = options
  await using parts = new AsyncDisposableStack()
  const settings = { ...defaultSettings(), ...options.settings }
  const broker = parts.use(
    await startNatsServer({ config: join(repositoryRoot, 'nats.setup.conf'), env: settings, detached: true }),
  )
  // What the demo stores is not for tomorrow, and has no place among what `pnpm dev` stores.
  const env = { ...settings, NATS_SERVERS: broker.url, LOG_SQLITE_PATH: ':memory:' }
  const consumers = { apps: await readApps(), contracts, deployed: deployedBy(env) }
  await applyStreams({ ...readEnvironment(env), streams: contracts.streams, consumers })
  const results = await Promise.allSettled(
    ['producer', 'alarm-consumer', 'log-consumer'].map(async (name) =>
      parts.use(await start(name, { ...env, ...anyPort(name) })),
    ),
  )
  const [producer, alarmConsumer, logConsumer] = results.map((result) => {
    if (result.status === 'rejected') throw result.reason
    return result.value
  }) as [AppProcess, AppProcess, AppProcess]
  const kept = parts.move()
  return { broker, producer, alarmConsumer, logConsumer, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

function defaultSettings(): Record<string, string> {
  const machine = FROM_THE_MACHINE.flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value]]
  })
  const settings = parseEnv(readFileSync(join(repositoryRoot, '.env.example'), 'utf8'))
  return { ...Object.fromEntries(machine), ...settings } as Record<string, string>
}

function anyPort(app: string): Record<string, string> {
  return { [appVariable(app, 'PORT')]: '0' }
}
