import { contracts } from '@alarm-bus/contracts'
import { type Bus, startBus } from '@alarm-bus/nats-kit'
import { createHttp, type Service, type ServiceLogger } from '@alarm-bus/service'
import type { AlarmConsumerConfig } from './config.ts'
import { app } from './declaration.ts'
import { alarmToBotHandler } from './handlers/alarm-to-bot.ts'
import { createLogSink } from './sinks/log-sink.ts'

/** Puts the app together: the bus hands alarms to the handler, the handler to the sink. */
export function createAlarmConsumer(config: AlarmConsumerConfig, logger: ServiceLogger): Service {
  const sink = createLogSink(logger)
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
        subscriber: { ...config.subscriber, handlers: [alarmToBotHandler(sink)] },
      })),
  }
}
