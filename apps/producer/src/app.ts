import { contracts } from '@alarm-bus/contracts'
import { type Bus, KitError, KitErrorCode, startBus } from '@alarm-bus/nats-kit'
import type { Service, ServiceLogger } from '@alarm-bus/service'
import type { ProducerConfig } from './config.ts'
import { app } from './declaration.ts'
import { createProducerHttp } from './http/producer-http.ts'

/** Puts the app together: HTTP hands messages to the bus and answers with its receipts. */
export async function createProducer(config: ProducerConfig, logger: ServiceLogger): Promise<Service> {
  let bus: Bus | undefined
  const http = await createProducerHttp({
    contracts,
    logger,
    health: () => bus?.health(),
    // HTTP is first to listen, so a very early request meets no bus.
    publish: async (channel, message, options) => {
      if (!bus) throw new KitError(KitErrorCode.BrokerUnavailable, 'the app is starting; nothing was sent')
      return bus.publisher.publish(channel, message, options)
    },
  })
  return {
    http,
    startBus: () =>
      (bus = startBus({
        contracts,
        app,
        connection: config.connection,
        logger,
        streams: config.streams,
        publisher: { ...config.publisher, idempotency: true },
      })),
  }
}
