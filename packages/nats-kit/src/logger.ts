import { errorText } from './errors.ts'

/** What the kit needs of a logger; a pino logger is one. Fields first, then one sentence. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

const safe = new WeakSet<Logger>()

/**
 * The logger, made total: whatever it does, the kit goes on. A line that the logger throws at, or whose promise
 * rejects, is tried once more as an error of text alone (fields may hold what its serializer cannot read); a logger that
 * throws at that too is reported by `process.emitWarning`. `connect` and `createBus` wrap the logger that they are
 * given; a logger that is wrapped already is returned as it is.
 */
export function safeLogger(logger: Logger): Logger {
  if (safe.has(logger)) return logger
  const report = (message: string, error: unknown): void => {
    const why = errorText(error)
    try {
      settle(logger.error({ event: 'loggerThrew', error: why }, message), () => warn(message, why))
    } catch {
      warn(message, why)
    }
  }
  const at =
    (level: keyof Logger) =>
    (fields: object, message: string): void => {
      try {
        settle(logger[level](fields, message), (error) => report(message, error))
      } catch (error) {
        report(message, error)
      }
    }
  const wrapped: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  safe.add(wrapped)
  return wrapped
}

function warn(message: string, why: string): void {
  process.emitWarning(`the logger threw (${why}) at: ${message}`, 'AlarmBusLoggerWarning')
}

/** A logger of type `void` may be asynchronous all the same. */
function settle(result: unknown, onRejected: (error: unknown) => void): void {
  if (result instanceof Promise) result.catch(onRejected)
}
