import { alarmToBot, contracts } from '@alarm-bus/contracts'
import { type Bus, createMemoryOnceStore, startBus } from '@alarm-bus/nats-kit'
import { createHttp, createMetrics, type Service, type ServiceLogger, withRequestIds } from '@alarm-bus/service'
import type { AlarmConsumerConfig } from './config.ts'
import { app } from './declaration.ts'
import { createAlarmDelivery } from './delivery/alarm-delivery.ts'
import { alarmToBotHandler } from './handlers/alarm-to-bot.ts'
import { createSinks } from './sinks/create-sinks.ts'

/** Puts the app together: the bus hands alarms to the handler, the handler to the sinks; a sink that is away pauses the bus. */
export function createAlarmConsumer(config: AlarmConsumerConfig, logger: ServiceLogger): Service {
  const metrics = createMetrics(config)
  let bus: Bus | undefined
  const delivery = createAlarmDelivery({
    sinks: createSinks(config.sinks, logger),
    circuit: config.sinks.circuit,
    store: createMemoryOnceStore(),
    logger,
    pause: (reason) => bus?.pause(reason, alarmToBot) ?? (() => undefined),
  })
  return {
    http: createHttp({ config, logger, health: () => bus?.health(), metrics }),
    startBus() {
      const started = metrics.observe(
        startBus({
          contracts,
          app,
          connection: config.connection,
          logger,
          streams: config.streams,
          subscriber: {
            ...config.subscriber,
            handlers: withRequestIds(metrics.handlers([alarmToBotHandler(delivery)])),
          },
        }),
      )
      bus = {
        ...started,
        async stop(timeoutMs) {
          const stopping = started.stop(timeoutMs)
          delivery.stopWaiting()
          const report = await stopping
          await delivery.close()
          return report
        },
      }
      return bus
    },
  }
}
