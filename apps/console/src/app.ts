import { contracts } from '@alarm-bus/contracts'
import { createBus } from '@alarm-bus/nats-kit'
import { createHttp, createMetrics, type Service, type ServiceLogger } from '@alarm-bus/service'
import type { ConsoleConfig } from './config.ts'
import { app } from './declaration.ts'

/** Puts the app together. */
export function createConsole(config: ConsoleConfig, logger: ServiceLogger): Service {
  const metrics = createMetrics(config)
  const bus = metrics.observe(
    createBus({ contracts, app, connection: config.connection, logger, streams: config.streams, requester: {} }),
  )
  const http = createHttp({ config, logger, health: bus.health, metrics })
  return { http, bus }
}
