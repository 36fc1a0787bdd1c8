import type { App, Channel, Contracts } from '@alarm-bus/contracts'
import { callerHeaderLines, HeaderName, headerLine } from '../codec/headers.ts'
import { contractHeaderLines } from '../codec/json-codec.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { checkedTtlSeconds } from './publish-options.ts'
import type { PublishOptions } from './publisher.ts'

/** What is the same for every message of a channel that a stream stores. */
export interface Route {
  readonly channel: string
  readonly subject: string
  readonly stream: string
  readonly allowMessageTtl: boolean
  /** The stream's bound for one message, headers included. */
  readonly maxMessageBytes: number
  /** Has the broker refuse a message that another stream would store. */
  readonly streamLine: string
  readonly contractLines: string
}

/** @throws KitError `invalid_options` for a channel that is not part of the contracts, or that the app does not declare. */
export type RouteOf = (channel: Channel) => Route

/** The routes of the channels that may be published on: all of the contracts, or those that the app declares. */
export function routesOf(contracts: Contracts, app?: App): RouteOf {
  const declared = app && new Set(app.publishes.map(({ name }) => name))
  const routes = new Map<Channel, Route>()
  for (const channel of contracts.channels) {
    if (declared && !declared.has(channel.name)) continue
    const stream = contracts.streamOf(channel)
    routes.set(channel, {
      channel: channel.name,
      subject: channel.subject,
      stream: stream.name,
      allowMessageTtl: stream.allowMessageTtl,
      maxMessageBytes: stream.maxMessageBytes,
      streamLine: headerLine(HeaderName.ExpectedStream, stream.name),
      contractLines: contractHeaderLines(channel),
    })
  }
  return (channel) => {
    const route = routes.get(channel)
    if (route) return route
    throw contracts.channels.includes(channel) ? undeclaredChannel(channel, app) : unknownChannel(channel, contracts)
  }
}

/**
 * The header lines of a message but for its id and its stream: the same for all messages under the same options.
 *
 * @throws KitError `invalid_ttl`, `invalid_header`.
 */
export function sharedHeaderLines(
  route: Route,
  options: Pick<PublishOptions, 'ttlSeconds' | 'headers'> | undefined,
): string {
  const ttlSeconds = checkedTtlSeconds(options)
  if (ttlSeconds !== undefined && !route.allowMessageTtl) {
    throw new KitError(KitErrorCode.InvalidTtl, `stream ${route.stream} does not allow a time to live per message`)
  }
  const ttl = ttlSeconds === undefined ? '' : headerLine(HeaderName.Ttl, `${ttlSeconds}s`)
  return route.contractLines + ttl + callerHeaderLines(options?.headers)
}

function unknownChannel(channel: Channel, contracts: Contracts): KitError {
  const known = contracts.channels.map(({ name }) => name).join(', ')
  return new KitError(
    KitErrorCode.InvalidOptions,
    `channel ${JSON.stringify(channel.name)} is not part of the contracts; those that are: ${known}`,
  )
}

function undeclaredChannel(channel: Channel, app: App | undefined): KitError {
  return new KitError(
    KitErrorCode.InvalidOptions,
    `app ${JSON.stringify(app?.name)} does not declare that it publishes ${JSON.stringify(channel.name)}; nothing was sent`,
  )
}
