import { ConfigError } from '../config/config-error.ts'
import type { ServiceConfig } from '../config/service-config.ts'
import { defaultLogFormat } from '../log-format.ts'
import { createLogger, type ServiceLogger } from '../logger.ts'
import { startTelemetry, type Telemetry } from '../telemetry/telemetry.ts'
import { listen, ListenError } from './listen.ts'
import type { Service } from './service.ts'
import { stopService } from './stop-service.ts'
import { watchReadiness } from './watch-readiness.ts'

export interface ServiceDefinition<Config extends ServiceConfig> {
  readonly app: string
  readonly version: string
  /** @throws ConfigError */
  readConfig(): Config
  /** Puts the app together; opens nothing. */
  create(config: Config, logger: ServiceLogger): Service | Promise<Service>
}

/** The last telemetry may take so long of the budget, and so long when the budget is spent; in milliseconds. */
const FLUSH_MS = 2_000
const LEAST_FLUSH_MS = 250

/** Past the budget by this much, in milliseconds, the process ends whatever still hangs. */
const OVERTIME_MS = 1_000

/**
 * The life of a process. HTTP listens first, so that the app is live while the broker is away; then the bus starts.
 *
 * Ends the process: with 0 after SIGTERM or SIGINT when nothing was left behind; with 1 when something was, and for a
 * bad configuration, a taken port, refused credentials or an uncaught exception; at once, with 128 + the signal's
 * number, on a second signal.
 */
export async function runService<Config extends ServiceConfig>(definition: ServiceDefinition<Config>): Promise<void> {
  let config: Config
  try {
    config = definition.readConfig()
  } catch (error) {
    const logFormat = defaultLogFormat(process.stdout.isTTY, false)
    const logger = createLogger({ app: definition.app, version: definition.version, logLevel: 'info', logFormat })
    if (!(error instanceof ConfigError)) throw error
    logger.fatal({ event: 'badConfiguration', problems: error.problems }, error.message)
    process.exit(1)
  }
  const logger = createLogger(config)
  // Before the app is put together: what it is to see has to be made after it.
  const telemetry = await startTelemetry(config, logger)
  const run = new ServiceRun(config, logger, telemetry)
  run.watchProcess()
  await run.start(() => definition.create(config, logger))
}

/**
 * Only where the process was started with `--expose-gc`, as the images are. V8 collects when memory is asked for, so what the
 * loading of modules left behind would stay with a process that has little to do. Before the bus starts, so that no
 * message waits for it.
 */
function collectWhatLoadingLeft(): void {
  void globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}

/** One run of a service, from the start to the one exit. */
class ServiceRun {
  readonly #config: ServiceConfig
  readonly #logger: ServiceLogger
  readonly #telemetry: Telemetry
  #service: Service | undefined
  #unwatch: (() => void) | undefined
  #ending = false

  constructor(config: ServiceConfig, logger: ServiceLogger, telemetry: Telemetry) {
    this.#config = config
    this.#logger = logger
    this.#telemetry = telemetry
  }

  async start(create: () => Service | Promise<Service>): Promise<void> {
    try {
      this.#service = await create()
      if (this.#service.metrics) this.#telemetry.measure(this.#service.metrics)
      const { url, port } = await listen(this.#service.http, this.#config.http)
      this.#logger.info({ event: 'listening', url, port }, `listening on ${url}`)
      if (this.#ending) return
      collectWhatLoadingLeft()
      const { bus } = this.#service
      // Not waited for: the broker may be away, and readiness says so.
      void bus.start()
      this.#unwatch = watchReadiness(bus, this.#logger)
      void bus.failed.then((error) => {
        if (!this.#ending)
          this.#logger.fatal({ event: 'busFailed', code: error.code, error: error.message }, 'the bus cannot go on')
        void this.end('the bus failed', 1)
      })
    } catch (error) {
      if (error instanceof ListenError) this.#logger.fatal({ event: 'cannotListen' }, error.message)
      else this.#logger.fatal({ event: 'startFailed', err: error }, 'the service cannot start')
      await this.end('the start failed', 1)
    }
  }

  watchProcess(): void {
    const onSignal = (signal: NodeJS.Signals, number: number): void => {
      if (this.#ending) {
        this.#logger.fatal({ event: 'exiting', signal }, 'a second signal: the process ends at once')
        process.exit(128 + number)
      }
      void this.end(signal, 0)
    }
    process.on('SIGTERM', onSignal)
    process.on('SIGINT', onSignal)
    process.on('uncaughtException', (error, origin) => {
      this.#logger.fatal({ event: origin, err: error }, 'uncaught error')
      void this.end(origin, 1)
    })
  }

  /** In order and within the budget; the first reason counts, later ones find it under way. */
  async end(reason: string, exitCode: number): Promise<void> {
    if (this.#ending) {
      // A failure on the way out makes the exit code say so.
      if (exitCode !== 0) process.exitCode = exitCode
      return
    }
    this.#ending = true
    process.exitCode = exitCode
    const { shutdownTimeoutMs } = this.#config
    this.#logger.info({ event: 'stopping', reason, shutdownTimeoutMs }, 'stopping')
    const overtime = setTimeout(() => {
      this.#logger.fatal({ event: 'shutdownTimedOut', shutdownTimeoutMs }, 'shutdown did not end within its budget')
      process.exit(1)
    }, shutdownTimeoutMs + OVERTIME_MS)
    overtime.unref()
    const endsAt = performance.now() + shutdownTimeoutMs
    const clean = await this.#stop(shutdownTimeoutMs)
    const leftMs = Math.max(LEAST_FLUSH_MS, endsAt - performance.now())
    await this.#telemetry.stop(Math.min(FLUSH_MS, leftMs))
    if (!clean) process.exitCode = 1
    this.#logger[clean ? 'info' : 'error']({ event: 'stopped', clean, exitCode: process.exitCode }, 'stopped')
    process.exit()
  }

  async #stop(timeoutMs: number): Promise<boolean> {
    this.#unwatch?.()
    if (!this.#service) return true
    try {
      return await stopService(this.#service, timeoutMs, this.#logger)
    } catch (error) {
      this.#logger.error({ event: 'shutdownFailed', err: error }, 'shutdown failed')
      return false
    }
  }
}
