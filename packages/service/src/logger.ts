import { hostname } from 'node:os'
import { type Logger as PinoLogger, pino } from 'pino'
import type { ServiceConfig } from './config/service-config.ts'
import { prettyLine } from './log-format.ts'
import { redact } from './redact.ts'
import { currentRequestId } from './request-ids.ts'
import { activeTraceIds } from './telemetry/active-trace.ts'

export type ServiceLogger = PinoLogger

/** Lines that standard output did not take are tried again with the next one; what is more than this is dropped. */
const MAX_UNWRITTEN_BYTES = 1024 * 1024

export interface LoggerOptions extends Pick<ServiceConfig, 'app' | 'version' | 'logLevel'> {
  /** Default `json`. */
  readonly logFormat?: ServiceConfig['logFormat']
}

/**
 * Lines on standard output, JSON or for a person, written at once: the last line before an exit is not lost. Times are
 * ISO 8601 in JSON, so that a person can read them.
 */
export function createLogger(options: LoggerOptions): ServiceLogger {
  // pino's own default writes later, and what waits then is lost with the process and has no bound.
  const output = pino.destination({ dest: process.stdout.fd, sync: true, maxLength: MAX_UNWRITTEN_BYTES })
  // A full disk behind standard output. There is no one to tell, and without a listener it would end the process.
  output.on('error', () => undefined)
  // After a fatal line pino has what is left written, and SonicBoom tries that for ever on a full disk: what must end the
  // process would hang it. Every line was written at once, as far as it could be.
  output.flushSync = () => undefined
  const format = options.logFormat === 'pretty' ? prettyLine() : undefined
  return pino(
    {
      name: options.app,
      base: { pid: process.pid, hostname: hostname(), version: options.version },
      level: options.logLevel,
      timestamp: pino.stdTimeFunctions.isoTime,
      mixin: () => {
        const requestId = currentRequestId()
        return { ...(requestId !== undefined && { requestId }), ...activeTraceIds() }
      },
      formatters: { level: (label) => ({ level: label }), log: redact },
    },
    format ? { write: (line: string) => void output.write(format(line)) } : output,
  )
}
