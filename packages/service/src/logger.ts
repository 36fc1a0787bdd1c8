import { hostname } from 'node:os'
import { type Logger as PinoLogger, pino } from 'pino'
import type { ServiceConfig } from './config/service-config.ts'
import { redact } from './redact.ts'
import { currentRequestId } from './request-ids.ts'

export type ServiceLogger = PinoLogger

/**
 * JSON lines on standard output, written at once: the last line before an exit is not lost. Times are ISO 8601, so that
 * a person can read them.
 */
export function createLogger(options: Pick<ServiceConfig, 'app' | 'version' | 'logLevel'>): ServiceLogger {
  return pino(
    {
      name: options.app,
      base: { pid: process.pid, hostname: hostname(), version: options.version },
      level: options.logLevel,
      timestamp: pino.stdTimeFunctions.isoTime,
      mixin: () => {
        const requestId = currentRequestId()
        return requestId === undefined ? {} : { requestId }
      },
      formatters: { level: (label) => ({ level: label }), log: redact },
    },
    // pino's own default writes later, and what waits then is lost with the process and has no bound.
    pino.destination({ dest: process.stdout.fd, sync: true }),
  )
}
