/**
 * Every way in which finding, fetching or starting a nats-server fails. Decide by code, never by text.
 *
 * Finding: `bin_not_found`, `not_runnable`, `wrong_version`, `not_available`.
 * Fetching: `unsupported_platform`, `no_network`, `timeout`, `http_error`, `truncated`, `too_large`, `checksum_mismatch`,
 * `bad_archive`, `no_apt`, `no_keyring`, `bad_signature`, `apt_failed`, `lock_timeout`, `cache_unwritable`.
 * Starting: `invalid_options`, `config_error`, `port_taken`, `exited_early`, `start_timeout`, `wrong_server`.
 * Pausing: `pause_timeout`.
 */
export const NATS_SERVER_ERROR_CODES = [
  'bin_not_found',
  'not_runnable',
  'wrong_version',
  'not_available',
  'unsupported_platform',
  'no_network',
  'timeout',
  'http_error',
  'truncated',
  'too_large',
  'checksum_mismatch',
  'bad_archive',
  'no_apt',
  'no_keyring',
  'bad_signature',
  'apt_failed',
  'lock_timeout',
  'cache_unwritable',
  'invalid_options',
  'config_error',
  'port_taken',
  'exited_early',
  'start_timeout',
  'wrong_server',
  'pause_timeout',
] as const

export type NatsServerErrorCode = (typeof NATS_SERVER_ERROR_CODES)[number]

export class NatsServerError extends Error {
  override readonly name = 'NatsServerError'
  readonly code: NatsServerErrorCode

  constructor(code: NatsServerErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options)
    this.code = code
  }
}

/** The text of anything thrown, for use inside a longer message. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
