import { alarmToBot, contracts } from '@alarm-bus/contracts'
import { createBus, kvOnceStore } from '@alarm-bus/nats-kit'
import {
  createHttp,
  createMetrics,
  type Service,
  type ServiceBus,
  type ServiceLogger,
  withRequestIds,
} from '@alarm-bus/service'
import { createBusAlerts } from './bus-alerts/bus-alerts.ts'
import type { AlarmConsumerConfig } from './config.ts'
import { app } from './declaration.ts'
import { createAlarmDelivery } from './delivery/alarm-delivery.ts'
import { DeliveryJournal } from './delivery/delivery-journal.ts'
import { createSentRecords } from './delivery/sent-records.ts'
import { alarmToBotHandler } from './handlers/alarm-to-bot.ts'
import { alarmDeliveryResponder } from './responders/alarm-delivery.ts'
import { createSinks } from './sinks/create-sinks.ts'

/** How long a claim or a record is tried. Longer than an alarm waits for it, and not so long that it would hold up a stop. */
const RECORD_BUDGET_MS = 6_000

/** Puts the app together: the bus hands alarms to the handler, the handler to the sinks; a sink that is away pauses the bus. */
export function createAlarmConsumer(config: AlarmConsumerConfig, logger: ServiceLogger): Service {
  const metrics = createMetrics(config)
  const records = createSentRecords({ shared: kvOnceStore(recordsOptions(config)), logger })
  const journal = new DeliveryJournal()
  const sinks = createSinks(config.sinks, logger)
  const delivery = createAlarmDelivery({
    sinks,
    journal,
    circuit: config.sinks.circuit,
    records,
    metrics,
    logger,
    pause: (reason) => observed.pause(reason, alarmToBot),
  })
  const { on, pauseMs } = config.busAlerts
  const alerts = on ? [createBusAlerts({ contracts, sinks: delivery.alerts, pauseMs, logger })] : []
  const observed = metrics.observe(
    createBus({
      contracts,
      app: { ...app, watchesBus: on },
      connection: config.connection,
      logger,
      streams: config.streams,
      responders: [alarmDeliveryResponder({ journal, records, sinks })],
      subscriber: {
        ...config.subscriber,
        handlers: withRequestIds(metrics.handlers([{ ...alarmToBotHandler(delivery), uses: [records, ...alerts] }])),
      },
    }),
  )
  journal.follow(observed.events)
  const bus: ServiceBus = {
    ...observed,
    health() {
      const { ready, checks } = observed.health()
      return { ready, checks: [...checks, ...alerts.flatMap((each) => each.checks())] }
    },
    async stop(timeoutMs) {
      const stopping = observed.stop(timeoutMs)
      delivery.stopWaiting()
      const report = await stopping
      await delivery.close()
      return report
    },
  }
  return { http: createHttp({ config, logger, health: () => bus.health(), metrics }), bus, metrics }
}

/** What a process that died had claimed is free when its deliveries are redelivered, and not before: the store knows 3 s at least. */
function recordsOptions({ subscriber: { ackWaitMs = app.consuming.ackWaitMs ?? 30_000 } }: AlarmConsumerConfig) {
  return { leaseMs: Math.max(3_000, ackWaitMs), budgetMs: RECORD_BUDGET_MS }
}
