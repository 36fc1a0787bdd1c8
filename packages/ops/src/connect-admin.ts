import { connect, type Connection, KitError, KitErrorCode, type Logger } from '@alarm-bus/nats-kit'
import type { AdminConfig } from './config.ts'

const RETRY_MS = 500
const CONNECT_TIMEOUT_MS = 2_000

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** Says that it waits, and why: once, and again when the reason changes. */
export function waitingSaid(command: string, complain: (line: string) => void): Logger {
  let said: string | undefined
  return {
    ...SILENT,
    warn(fields) {
      const why = String((fields as { readonly error?: unknown }).error ?? 'no answer')
      if (why !== said) complain(`${command}: waiting for the broker: ${why}`)
      said = why
    },
  }
}

/** Connects as the administrator. @throws KitError `authentication_failed` at once, `broker_unavailable` when `waitMs` is over. */
export async function connectAdmin(
  { servers, auth, tls }: Pick<AdminConfig, 'servers' | 'auth' | 'tls'>,
  waitMs: number,
  quiet: Logger = SILENT,
  // The client's name on the broker; its inbox prefix is the one that the permissions of that user allow.
  name: 'admin' | 'migrator' = 'admin',
): Promise<Connection> {
  let last = 'no answer'
  // The kit says in its log why an attempt failed; the last reason belongs into the error.
  const logger: Logger = {
    ...bound(quiet),
    warn(fields, message) {
      last = String((fields as { readonly error?: unknown }).error ?? last)
      quiet.warn(fields, message)
    },
  }
  try {
    return await connect(
      {
        servers,
        name,
        reconnectDelayMs: RETRY_MS,
        reconnectJitterMs: 0,
        connectTimeoutMs: Math.min(CONNECT_TIMEOUT_MS, waitMs),
        ...(auth === undefined ? {} : { auth }),
        ...(tls === undefined ? {} : { tls }),
      },
      { logger, signal: AbortSignal.timeout(waitMs) },
    )
  } catch (error) {
    if (!KitError.is(error, KitErrorCode.Closed)) throw error
    throw new KitError(
      KitErrorCode.BrokerUnavailable,
      `no broker at ${servers.join(', ')} within ${waitMs} ms: ${last}`,
      {
        cause: error,
      },
    )
  }
}

/** A logger may be an instance of a class, which a spread would leave without its methods. */
function bound(logger: Logger): Logger {
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  }
}
