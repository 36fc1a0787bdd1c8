import { consumerConfig, readConfig, serviceConfig } from '@alarm-bus/service'

export const APP = 'alarm-consumer'

const schema = serviceConfig({ app: APP, defaultPort: 3001 }).and(consumerConfig)

export type AlarmConsumerConfig = ReturnType<typeof readAlarmConsumerConfig>

/** @throws ConfigError with every bad variable. */
export function readAlarmConsumerConfig(environment = process.env) {
  return readConfig(schema, environment)
}
