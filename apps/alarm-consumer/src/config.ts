import { consumerConfig, readConfig, serviceConfig } from '@alarm-bus/service'
import { app } from './declaration.ts'

const schema = serviceConfig({ app: app.name, defaultPort: 3001 }).and(consumerConfig)

export type AlarmConsumerConfig = ReturnType<typeof readAlarmConsumerConfig>

/** @throws ConfigError with every bad variable. */
export function readAlarmConsumerConfig(environment = process.env) {
  return readConfig(schema, environment)
}
