import { lookup, type LookupAddress, type LookupOptions } from 'node:dns'
import { isIP } from 'node:net'
import { buildConnector } from 'undici'
import { addressClass } from './address-class.ts'

/** The host's address is not one that an alarm may be sent to. Carries no address. */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused'
  readonly code = 'ADDRESS_REFUSED'
}

export interface ConnectorOptions {
  /** For name, connection and TLS together. */
  readonly connectTimeoutMs: number
  /** Whether a host may have a private address. */
  readonly mayBePrivate: (host: string) => boolean
}

type LookupCallback = (error: Error | null, addresses: string | LookupAddress[], family?: number) => void

/**
 * Connects to addresses that are allowed and to no others. What is checked is the address that is connected to: a name
 * that resolved well a moment ago gains nothing.
 */
export function guardedConnector({ connectTimeoutMs, mayBePrivate }: ConnectorOptions): buildConnector.connector {
  const isAllowed = (host: string, address: string): boolean => {
    const found = addressClass(address)
    return found === 'public' || (found === 'private' && mayBePrivate(host))
  }
  const guardedLookup = (host: string, options: LookupOptions, callback: LookupCallback): void => {
    lookup(host, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, [])
      const [first, ...others] = addresses.filter(({ address }) => isAllowed(host, address))
      if (!first) return callback(new AddressRefused('no address of the host is allowed'), [])
      if (options.all) callback(null, [first, ...others])
      else callback(null, first.address, first.family)
    })
  }
  const connect = buildConnector({ timeout: connectTimeoutMs, lookup: guardedLookup, allowH2: false })
  return (options, callback) => {
    // An address in place of a name is connected to without a lookup.
    const host = options.hostname.replace(/^\[|\]$/g, '')
    if (isIP(host) !== 0 && !isAllowed(host, host)) {
      callback(new AddressRefused('the address is not allowed'), null)
      return
    }
    connect(options, callback)
  }
}
