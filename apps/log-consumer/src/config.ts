import { consumerConfig, readConfig, serviceConfig, versionOf } from '@alarm-bus/service'
import { app } from './declaration.ts'

export const version = versionOf(import.meta.url)

const schema = serviceConfig({ app: app.name, defaultPort: 3002, version }).and(consumerConfig)

export type LogConsumerConfig = ReturnType<typeof readLogConsumerConfig>

/** @throws ConfigError with every bad variable. */
export function readLogConsumerConfig(environment = process.env) {
  return readConfig(schema, environment)
}
