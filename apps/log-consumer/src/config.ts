import { consumerConfig, readConfig, serviceConfig } from '@alarm-bus/service'
import { app } from './declaration.ts'

const schema = serviceConfig({ app: app.name, defaultPort: 3002 }).and(consumerConfig)

export type LogConsumerConfig = ReturnType<typeof readLogConsumerConfig>

/** @throws ConfigError with every bad variable. */
export function readLogConsumerConfig(environment = process.env) {
  return readConfig(schema, environment)
}
