import { existsSync, readFileSync } from 'node:fs'
import { type ConnectionOptions as ClientOptions, credsAuthenticator, nkeyAuthenticator } from '@nats-io/transport-node'
import { positive, wholeMs } from '../checked-options.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import type { ConnectionAuth, ConnectionOptions, ConnectionTls } from './options.ts'

/** The inbox prefix of an app: a token that permissions can name. */
export function inboxPrefixOf(options: Pick<ConnectionOptions, 'name' | 'inboxPrefix'>): string {
  return options.inboxPrefix ?? `_INBOX_${options.name.replaceAll(/[^A-Za-z0-9_-]/g, '_')}`
}

/**
 * The kit's options as the client wants them.
 *
 * @throws KitError `invalid_options` for addresses, credentials or files that cannot work.
 */
export function toClientOptions(options: ConnectionOptions): ClientOptions {
  const delayMs = wholeMs('reconnectDelayMs', options.reconnectDelayMs ?? 2_000, 0)
  const jitterMs = wholeMs('reconnectJitterMs', options.reconnectJitterMs ?? 500, 0)
  if (options.servers.length === 0) throw invalid('servers is empty; give one address at least, nats://host:port')
  return {
    servers: options.servers.map(checkedServer),
    name: options.version === undefined ? options.name : `${options.name}@${options.version}`,
    inboxPrefix: checkedInboxPrefix(inboxPrefixOf(options)),
    timeout: wholeMs('connectTimeoutMs', options.connectTimeoutMs ?? 5_000),
    pingInterval: wholeMs('pingIntervalMs', options.pingIntervalMs ?? 5_000),
    maxPingOut: positive('maxPingsOut', options.maxPingsOut ?? 2),
    // For ever: an app that gives up reconnecting runs deaf.
    maxReconnectAttempts: -1,
    reconnectDelayHandler: () => delayMs + Math.random() * jitterMs,
    // A stack capture for each request costs more than the request.
    noAsyncTraces: true,
    ...(options.auth === undefined ? {} : authOf(options.auth)),
    ...(options.tls === undefined ? {} : { tls: tlsOf(options.tls) }),
  }
}

function invalid(message: string, cause?: unknown): KitError {
  return new KitError(KitErrorCode.InvalidOptions, message, cause === undefined ? {} : { cause })
}

function checkedServer(server: string): string {
  let url: URL
  try {
    url = new URL(server.includes('://') ? server : `nats://${server}`)
  } catch (cause) {
    throw invalid(`NATS server ${JSON.stringify(server)} is not an address; use nats://host:port`, cause)
  }
  if (url.username !== '' || url.password !== '') {
    throw invalid(`NATS server address of ${url.host} carries credentials, which would end in logs; pass them as auth`)
  }
  if (!['nats:', 'tls:'].includes(url.protocol) || url.hostname === '') {
    throw invalid(`NATS server ${JSON.stringify(server)} is not an address; use nats://host:port`)
  }
  return server
}

function checkedInboxPrefix(prefix: string): string {
  if (!/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/.test(prefix)) {
    throw invalid(`inbox prefix ${JSON.stringify(prefix)} must be subject tokens of letters, digits, "_" and "-"`)
  }
  return prefix
}

function authOf(auth: ConnectionAuth): Partial<ClientOptions> {
  const kinds = ['token', 'user', 'nkeySeed', 'credsFile'].filter((kind) => kind in auth)
  if (kinds.length !== 1) throw invalid(`give one way to authenticate, not ${kinds.length}: ${kinds.join(', ')}`)
  if ('token' in auth) return { token: auth.token }
  if ('user' in auth) return { user: auth.user, pass: auth.password }
  try {
    if ('nkeySeed' in auth) return { authenticator: nkeyAuthenticator(new TextEncoder().encode(auth.nkeySeed)) }
    return { authenticator: credsAuthenticator(readFileSync(auth.credsFile)) }
  } catch (cause) {
    const what = 'credsFile' in auth ? `credentials file ${auth.credsFile}` : 'nkey seed'
    throw invalid(`${what} cannot be used`, cause)
  }
}

function tlsOf(tls: ConnectionTls): NonNullable<ClientOptions['tls']> {
  for (const file of [tls.caFile, tls.certFile, tls.keyFile]) {
    if (file !== undefined && !existsSync(file)) throw invalid(`TLS file ${file} does not exist`)
  }
  return { ...tls }
}
