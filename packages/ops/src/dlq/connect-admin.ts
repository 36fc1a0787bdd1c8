import { connect, type Connection, KitError, KitErrorCode, type Logger } from '@alarm-bus/nats-kit'
import type { AdminConfig } from '../config.ts'

/** The client's name on the broker; its inbox prefix is the one that admin's permissions allow. */
const CLIENT_NAME = 'admin'
const RETRY_MS = 500
const CONNECT_TIMEOUT_MS = 2_000

/** @throws KitError `authentication_failed` at once, `broker_unavailable` when `waitMs` is over. */
export async function connectAdmin({ servers, auth, tls }: AdminConfig, waitMs: number): Promise<Connection> {
  let last = 'no answer'
  // The kit says in its log why an attempt failed; the last reason belongs into the error.
  const logger: Logger = {
    debug() {},
    info() {},
    warn(fields) {
      last = String((fields as { readonly error?: unknown }).error ?? last)
    },
    error() {},
  }
  try {
    return await connect(
      {
        servers,
        name: CLIENT_NAME,
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
