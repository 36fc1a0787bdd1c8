import { type Logger as PinoLogger, pino } from 'pino'
import type { LogLevel } from './config/service-config.ts'
import { redact } from './redact.ts'

export type ServiceLogger = PinoLogger

/**
 * JSON lines on standard output, written at once: the last line before an exit is not lost. Times are ISO 8601, so that
 * a person can read them.
 */
export function createLogger(options: { readonly app: string; readonly logLevel: LogLevel }): ServiceLogger {
  return pino({
    name: options.app,
    level: options.logLevel,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }), log: redact },
  })
}
