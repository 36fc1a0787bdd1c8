import { contracts } from '@alarm-bus/contracts'
import { createBus } from '@alarm-bus/nats-kit'
import { createMetrics, type Service, type ServiceLogger, withRequestIds } from '@alarm-bus/service'
import { busWithStore } from './bus-with-store.ts'
import type { LogConsumerConfig } from './config.ts'
import type { Database } from './database/database.ts'
import { app } from './declaration.ts'
import { alarmToBotHandler } from './handlers/alarm-to-bot.ts'
import { alarmToLogHandler } from './handlers/alarm-to-log.ts'
import { createLogHttp } from './http/log-http.ts'
import { alarmLoggedResponder } from './responders/alarm-logged.ts'
import { openLogStore } from './store/log-store.ts'
import { createStoreMeter } from './store/store-meter.ts'

/** The kit's, where neither the environment nor the declaration says another. */
const DEFAULT_CONCURRENCY = 16
/** Of a handler at once, besides those of `CONCURRENCY`: the redriven one. */
const REDRIVEN = 1

/**
 * Puts the app together: the bus hands the alarms of both channels to the handlers, the handlers to the store, and HTTP
 * reads from it.
 *
 * @throws Error when the database cannot be used however long one waits.
 */
export async function createLogConsumer(config: LogConsumerConfig, logger: ServiceLogger): Promise<Service> {
  const { storage, subscriber } = config
  const metrics = createMetrics(config)
  const store = await openLogStore({
    database: await openDatabase(storage),
    logger,
    limits: config.limits,
    maxQueued:
      app.handles.length * ((subscriber.concurrency ?? app.consuming.concurrency ?? DEFAULT_CONCURRENCY) + REDRIVEN),
    meter: createStoreMeter(metrics),
  })
  const observed = metrics.observe(
    createBus({
      contracts,
      app,
      connection: config.connection,
      logger,
      streams: config.streams,
      responders: [alarmLoggedResponder(() => store.database())],
      subscriber: {
        ...subscriber,
        handlers: withRequestIds(metrics.handlers([alarmToBotHandler(store), alarmToLogHandler(store)])),
      },
    }),
  )
  const bus = busWithStore(observed, store)
  const http = createLogHttp({
    config,
    logger,
    health: bus.health,
    metrics,
    database: () => store.database(),
    tail: () => store.tail,
    recent: store.recent,
    tokens: config.tokens,
  })
  return { http, bus, metrics }
}

/** Only the driver that is used is loaded. */
async function openDatabase(storage: LogConsumerConfig['storage']): Promise<Database> {
  if (storage.kind === 'postgres') {
    const { openPostgres } = await import('./database/open-postgres.ts')
    return openPostgres(storage.url)
  }
  const { openSqlite } = await import('./database/open-sqlite.ts')
  return openSqlite(storage.path)
}
