import { appVariable } from '@alarm-bus/contracts'
import { type Environment, productionBecause } from '@alarm-bus/environment'
import type { ConnectionOptions } from '@alarm-bus/nats-kit'
import { z } from 'zod'
import { defaultLogFormat, type LogFormat } from '../log-format.ts'
import { readTelemetrySettings, type TelemetrySettings } from '../telemetry/telemetry-settings.ts'
import { connectionConfig } from './connection-config.ts'
import { ALWAYS, oneOf, port, wholeNumber } from './pieces.ts'

/** What differs between the apps. */
export interface AppIdentity {
  /** In kebab case: the name in logs, the default user on the broker, the prefix of consumers. */
  readonly app: string
  readonly defaultPort: number
  /** In logs, `/readyz`, metrics and the connection's name; `versionOf(import.meta.url)`. */
  readonly version: string
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'

/** What every app is configured with. */
export interface ServiceConfig {
  readonly app: string
  readonly version: string
  readonly logLevel: LogLevel
  readonly logFormat: LogFormat
  readonly http: {
    readonly host: string
    /** 0 is any free port. */
    readonly port: number
    /** The variable that sets the port, for the error of a taken one. */
    readonly portVariable: string
  }
  readonly connection: ConnectionOptions
  readonly streams: { readonly mode: 'verify' | 'apply'; readonly replicas?: number; readonly hint: string }
  /** Budget of the whole shutdown, from the signal to the exit. */
  readonly shutdownTimeoutMs: number
  readonly telemetry: TelemetrySettings
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const

/** What every app reads from the environment. An app adds its own with `.and()`. */
export function serviceConfig(identity: AppIdentity) {
  return spineConfig(identity).and(portConfig(identity)).and(connectionConfig(identity)).and(telemetryConfig)
}

function spineConfig({ app, version }: AppIdentity) {
  return z
    .object({
      NODE_ENV: z.string().optional(),
      HTTP_HOST: z
        .string()
        .regex(/^[A-Za-z0-9.:_-]+$/, 'must be a host name or an address, as 127.0.0.1 or 0.0.0.0')
        .default('127.0.0.1'),
      LOG_LEVEL: oneOf(LOG_LEVELS).default('info'),
      LOG_FORMAT: oneOf(['json', 'pretty']).optional(),
      SHUTDOWN_TIMEOUT_MS: wholeNumber({ min: 100, max: 600_000 }).default(10_000),
      STREAMS: oneOf(['verify', 'apply']).default('verify'),
      STREAM_REPLICAS: oneOf(['1', '3', '5']).transform(Number).optional(),
    })
    .superRefine((raw, context) => {
      const production = productionBecause(raw.NODE_ENV)
      if (production === undefined) return
      const refuse = (variable: string, message: string): void =>
        context.addIssue({ code: 'custom', path: [variable], message })
      if (raw.LOG_LEVEL === 'trace')
        refuse(
          'LOG_LEVEL',
          `must not be trace ${production}, where it writes down every detail; use info, or debug for a while`,
        )
      if (raw.STREAMS === 'apply')
        refuse(
          'STREAMS',
          `must not be apply ${production}, where two releases of an app would change the streams in turns; use verify, and run: pnpm ops apply`,
        )
    }, ALWAYS)
    .transform((raw) => ({
      app,
      version,
      logLevel: raw.LOG_LEVEL satisfies LogLevel,
      logFormat:
        raw.LOG_FORMAT ?? defaultLogFormat(process.stdout.isTTY, productionBecause(raw.NODE_ENV) !== undefined),
      http: { host: raw.HTTP_HOST },
      streams: {
        mode: raw.STREAMS,
        ...(raw.STREAM_REPLICAS !== undefined && { replicas: raw.STREAM_REPLICAS }),
        hint: 'run: pnpm ops apply',
      },
      shutdownTimeoutMs: raw.SHUTDOWN_TIMEOUT_MS,
    }))
}

/** Of OpenTelemetry's own variables; a bad one is told later and refuses no start. */
const telemetryConfig = z.looseObject({}).transform((raw) => ({ telemetry: readTelemetrySettings(raw as Environment) }))

/** Each app has a port variable of its own, so that one `.env` file can serve all apps. */
function portConfig({ app, defaultPort }: AppIdentity) {
  const portVariable = appVariable(app, 'PORT')
  return z
    .object({ [portVariable]: port.default(defaultPort) })
    .transform((raw) => ({ http: { port: raw[portVariable] ?? defaultPort, portVariable } }))
}
