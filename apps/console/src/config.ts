import { readConfig, serviceConfig, versionOf } from '@alarm-bus/service'
import { app } from './declaration.ts'

export const version = versionOf(import.meta.url)

const schema = serviceConfig({ app: app.name, defaultPort: 3003, version })

export type ConsoleConfig = ReturnType<typeof readConsoleConfig>

/** @throws ConfigError with every bad variable. */
export function readConsoleConfig(environment = process.env) {
  return readConfig(schema, environment)
}
