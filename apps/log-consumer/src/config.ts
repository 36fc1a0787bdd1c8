import { consumerConfig, readConfig, serviceConfig } from '@alarm-bus/service'

export const APP = 'log-consumer'

const schema = serviceConfig({ app: APP, defaultPort: 3002 }).and(consumerConfig)

export type LogConsumerConfig = ReturnType<typeof readLogConsumerConfig>

/** @throws ConfigError with every bad variable. */
export function readLogConsumerConfig(environment = process.env) {
  return readConfig(schema, environment)
}
