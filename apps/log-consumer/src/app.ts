import { contracts } from '@alarm-bus/contracts'
import { type Bus, startBus } from '@alarm-bus/nats-kit'
import { createHttp, type Service, type ServiceLogger } from '@alarm-bus/service'
import type { LogConsumerConfig } from './config.ts'
import { app } from './declaration.ts'
import { alarmToBotHandler } from './handlers/alarm-to-bot.ts'
import { alarmToLogHandler } from './handlers/alarm-to-log.ts'
import { createLogLineStore } from './store/log-line-store.ts'

/** Puts the app together: the bus hands the alarms of both channels to the handlers, the handlers to the store. */
export function createLogConsumer(config: LogConsumerConfig, logger: ServiceLogger): Service {
  const store = createLogLineStore(logger)
  let bus: Bus | undefined
  return {
    http: createHttp({ logger, health: () => bus?.health() }),
    startBus: () =>
      (bus = startBus({
        contracts,
        app,
        connection: config.connection,
        logger,
        streams: config.streams,
        subscriber: { ...config.subscriber, handlers: [alarmToBotHandler(store), alarmToLogHandler(store)] },
      })),
  }
}
