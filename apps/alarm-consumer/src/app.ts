import { contracts } from '@alarm-bus/contracts'
import { type Bus, startBus } from '@alarm-bus/nats-kit'
import { createHttp, createMetrics, type Service, type ServiceLogger } from '@alarm-bus/service'
import type { AlarmConsumerConfig } from './config.ts'
import { app } from './declaration.ts'
import { alarmToBotHandler } from './handlers/alarm-to-bot.ts'
import { createLogSink } from './sinks/log-sink.ts'

/** Puts the app together: the bus hands alarms to the handler, the handler to the sink. */
export function createAlarmConsumer(config: AlarmConsumerConfig, logger: ServiceLogger): Service {
  const sink = createLogSink(logger)
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
          subscriber: { ...config.subscriber, handlers: metrics.handlers([alarmToBotHandler(sink)]) },
        }),
      )),
  }
}
