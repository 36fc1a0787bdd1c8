import { contracts } from '@alarm-bus/contracts'
import { createBus } from '@alarm-bus/nats-kit'
import { createMetrics, type Service, type ServiceLogger } from '@alarm-bus/service'
import type { ProducerConfig } from './config.ts'
import { app } from './declaration.ts'
import { createProducerHttp } from './http/producer-http.ts'

/**
 * Puts the app together: HTTP hands messages to the bus and answers with its receipts, and asks other apps what became of them.
 */
export async function createProducer(config: ProducerConfig, logger: ServiceLogger): Promise<Service> {
  const metrics = createMetrics(config)
  const bus = metrics.observe(
    createBus({
      contracts,
      app,
      connection: config.connection,
      logger,
      streams: config.streams,
      publisher: { ...config.publisher, idempotency: true },
      requester: {},
    }),
  )
  const http = await createProducerHttp({
    contracts,
    config,
    auth: config.auth,
    edge: config.edge,
    logger,
    metrics,
    health: bus.health,
    publish: bus.publisher.publish,
    scheduler: bus.publisher,
    ask: bus.requester.request,
  })
  return { http, bus, metrics }
}
