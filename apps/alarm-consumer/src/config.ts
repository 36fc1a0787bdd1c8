import { consumerConfig, readConfig, serviceConfig, versionOf } from '@alarm-bus/service'
import { busAlertsConfig } from './bus-alerts/bus-alerts-config.ts'
import { app } from './declaration.ts'
import { sinksConfig } from './sinks-config.ts'

export const version = versionOf(import.meta.url)

const schema = serviceConfig({ app: app.name, defaultPort: 3001, version })
  .and(consumerConfig)
  .and(sinksConfig)
  .and(busAlertsConfig)

export type AlarmConsumerConfig = ReturnType<typeof readAlarmConsumerConfig>

/** @throws ConfigError with every bad variable. */
export function readAlarmConsumerConfig(environment = process.env) {
  return readConfig(schema, environment)
}
