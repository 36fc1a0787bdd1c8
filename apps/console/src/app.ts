import { contracts } from '@alarm-bus/contracts'
import { createBus } from '@alarm-bus/nats-kit'
import { createMetrics, type Service, type ServiceBus, type ServiceLogger } from '@alarm-bus/service'
import { createAudit } from './audit/audit.ts'
import type { ConsoleConfig } from './config.ts'
import { app } from './declaration.ts'
import { createConsoleHttp } from './http/console-http.ts'
import { createJobs } from './letters/jobs.ts'
import { createLetters } from './letters/letters.ts'
import { createBusWatch } from './look/bus-watch.ts'
import { readDeclaredApps } from './look/declared-apps.ts'

/** Puts the app together: HTTP shows what the watch sees of the bus, and jobs redrive and discard. */
export async function createConsole(config: ConsoleConfig, logger: ServiceLogger): Promise<Service> {
  const metrics = createMetrics(config)
  const { connection, streams } = config
  const bus = metrics.observe(createBus({ contracts, app, connection, logger, streams, publisher: {}, requester: {} }))
  const apps = readDeclaredApps()
  const watch = createBusWatch({ contracts, apps, bus, logger })
  const letters = createLetters(bus.connection, contracts, apps)
  const jobs = createJobs()
  const http = await createConsoleHttp({
    config,
    logger,
    metrics,
    health: bus.health,
    contracts,
    channels: app.reads,
    apps,
    bus,
    watch,
    arrows: watch.arrows,
    ask: bus.requester.request,
    letters,
    jobs,
    audit: createAudit(bus, logger),
  })
  const whole: ServiceBus = {
    health: bus.health,
    failed: bus.failed,
    start() {
      watch.start()
      return bus.start()
    },
    stop(timeoutMs) {
      jobs.stopAll()
      watch.stop()
      return bus.stop(timeoutMs)
    },
  }
  return { http, bus: whole }
}
