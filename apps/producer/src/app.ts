import { contracts } from '@alarm-bus/contracts'
import { type Bus, KitError, KitErrorCode, startBus } from '@alarm-bus/nats-kit'
import { createMetrics, type Service, type ServiceLogger } from '@alarm-bus/service'
import type { ProducerConfig } from './config.ts'
import { app } from './declaration.ts'
import { createProducerHttp } from './http/producer-http.ts'

/** Puts the app together: HTTP hands messages to the bus and answers with its receipts. */
export async function createProducer(config: ProducerConfig, logger: ServiceLogger): Promise<Service> {
  const metrics = createMetrics(config)
  let bus: Bus | undefined
  const http = await createProducerHttp({
    contracts,
    config,
    auth: config.auth,
    edge: config.edge,
    logger,
    metrics,
    health: () => bus?.health(),
    // HTTP is first to listen, so a very early request meets no bus.
    publish: (channel, message, options) =>
      bus
        ? bus.publisher.publish(channel, message, options)
        : Promise.reject(new KitError(KitErrorCode.BrokerUnavailable, 'the app is starting; nothing was sent')),
  })
  return {
    http,
    startBus: () =>
      (bus = metrics.observe(
        startBus({
          contracts,
          app,
          connection: config.connection,
          logger,
          streams: config.streams,
          publisher: { ...config.publisher, idempotency: true },
        }),
      )),
  }
}
