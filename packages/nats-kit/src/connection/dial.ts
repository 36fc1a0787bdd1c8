import { setTimeout as sleep } from 'node:timers/promises'
import {
  AuthorizationError,
  connect,
  type ConnectionOptions as ClientOptions,
  InvalidArgumentError,
  type NatsConnection,
  UserAuthenticationExpiredError,
} from '@nats-io/transport-node'
import { errorText, KitError, KitErrorCode } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { ConnectionOptions } from './options.ts'

/**
 * Connects, and keeps trying while the broker is away; each failed attempt is logged.
 *
 * @throws KitError `authentication_failed` at once when the broker refuses the credentials; `invalid_options` for
 * options that cannot work; `closed` when `signal` aborts.
 */
export async function dial(
  options: ConnectionOptions,
  clientOptions: ClientOptions,
  { logger, signal }: { readonly logger: Logger; readonly signal: AbortSignal },
): Promise<NatsConnection> {
  for (let attempt = 1; ; attempt++) {
    if (signal.aborted) throw calledOff()
    try {
      const client = await connect(clientOptions)
      if (signal.aborted) {
        await client.close()
        throw calledOff()
      }
      logger.info(
        { event: 'connectionStateChanged', state: 'connected', server: client.getServer(), attempt },
        'NATS connected',
      )
      return client
    } catch (error) {
      if (KitError.is(error)) throw error
      if (isRefusal(error)) {
        throw new KitError(
          KitErrorCode.AuthenticationFailed,
          `NATS refused the credentials of ${JSON.stringify(options.name)}: ${errorText(error)}`,
          { cause: error },
        )
      }
      if (error instanceof InvalidArgumentError) {
        throw new KitError(KitErrorCode.InvalidOptions, errorText(error), { cause: error })
      }
      const delayMs = clientOptions.reconnectDelayHandler?.() ?? 2_000
      logger.warn(
        {
          event: 'connectFailed',
          attempt,
          servers: options.servers,
          error: errorText(error),
          retryInMs: Math.round(delayMs),
        },
        'NATS cannot be reached yet; trying again',
      )
      await sleep(delayMs, undefined, { signal }).catch(() => undefined)
    }
  }
}

/** Whether the broker refused the credentials, now or no longer accepts them. */
export function isRefusal(error: unknown): boolean {
  if (error instanceof AuthorizationError || error instanceof UserAuthenticationExpiredError) return true
  return error instanceof Error && error.cause !== undefined && isRefusal(error.cause)
}

function calledOff(): KitError {
  return new KitError(KitErrorCode.Closed, 'connecting was called off')
}
