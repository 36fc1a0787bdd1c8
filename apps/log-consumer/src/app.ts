import { contracts } from '@alarm-bus/contracts'
import { type Bus, startBus } from '@alarm-bus/nats-kit'
import { createHttp, createMetrics, type Service, type ServiceLogger } from '@alarm-bus/service'
import type { LogConsumerConfig } from './config.ts'
import { app } from './declaration.ts'
import { alarmToBotHandler } from './handlers/alarm-to-bot.ts'
import { alarmToLogHandler } from './handlers/alarm-to-log.ts'
import { createLogLineStore } from './store/log-line-store.ts'

/** Puts the app together: the bus hands the alarms of both channels to the handlers, the handlers to the store. */
export function createLogConsumer(config: LogConsumerConfig, logger: ServiceLogger): Service {
  const store = createLogLineStore(logger)
  const metrics = createMetrics(config)
  let bus: Bus | undefined
  return {
    http: createHttp({ config, logger, health: () => bus?.health(), metrics }),
    startBus: () =>
      (bus = metrics.observe(
        startBus({
          contracts,
          app,
          connection: config.connection,
          logger,
          streams: config.streams,
          subscriber: {
            ...config.subscriber,
            handlers: metrics.handlers([alarmToBotHandler(store), alarmToLogHandler(store)]),
          },
        }),
      )),
  }
}
