/** How an app proves who it is. One of them; more than one is refused. */
export type ConnectionAuth =
  | { readonly token: string }
  | { readonly user: string; readonly password: string }
  | { readonly nkeySeed: string }
  | { readonly credsFile: string }

export interface ConnectionTls {
  /** PEM file of the authority that signed the broker's certificate. */
  readonly caFile?: string
  /** PEM files of the client's own certificate, for a broker that asks for one. */
  readonly certFile?: string
  readonly keyFile?: string
  /** TLS before the broker's first line, for a broker with `handshake_first`. */
  readonly handshakeFirst?: boolean
}

export interface ConnectionOptions {
  /** `nats://host:port` or `host:port`, without credentials. */
  readonly servers: readonly string[]
  /** The app's name, shown by the broker's monitoring, and the default for its inbox prefix. */
  readonly name: string
  /** The app's version: the broker's monitoring then shows `<name>@<version>`. Nothing else is called after it. */
  readonly version?: string
  readonly auth?: ConnectionAuth
  readonly tls?: ConnectionTls
  /** Subjects of replies begin with it; each app has its own, so that none can read another's. Default `_INBOX_<name>`. */
  readonly inboxPrefix?: string
  /** Wait between two attempts, in milliseconds, the jitter added at random. Defaults 2,000 and 500. */
  readonly reconnectDelayMs?: number
  readonly reconnectJitterMs?: number
  /** A dead peer is noticed after `pingIntervalMs × (maxPingsOut + 1)`, 15 s by default. Defaults 5,000 and 2. */
  readonly pingIntervalMs?: number
  readonly maxPingsOut?: number
  /** One attempt to connect, in milliseconds. Default 5,000. */
  readonly connectTimeoutMs?: number
}
