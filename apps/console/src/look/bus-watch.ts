import { setTimeout as sleep } from 'node:timers/promises'
import type { App, Contracts } from '@alarm-bus/contracts'
import { type Bus, errorText } from '@alarm-bus/nats-kit'
import type { ServiceLogger } from '@alarm-bus/service'
import type { ChannelHistory, Connection, ConsumerHistory, Overview } from '../api.ts'
import { type Arrow, arrowsOf, type Moves } from './arrows.ts'
import { History } from './history.ts'
import { type BrokerLook, BrokerLooks } from './look-at-broker.ts'
import { NO_RATES, type Rates, ratesBetween } from './rates.ts'
import { toOverview } from './to-overview.ts'

const LOOK_MS = 1_000
/** Consumers whose history is kept. */
const MAX_CONSUMERS = 256

/** How the bus stands, looked at once a second, and the last hour of it in memory. */
export interface BusWatch {
  readonly overview: () => Overview
  readonly look: () => BrokerLook | undefined
  readonly arrows: () => readonly Arrow[]
  readonly channelHistory: (channel: string) => ChannelHistory
  readonly consumerHistory: (stream: string, consumer: string) => ConsumerHistory
  /** Calls back after each change, until the returned function is called. */
  readonly onChange: (callback: () => void) => () => void
  start(): void
  /** Ends it; no callback comes later. */
  stop(): void
}

export interface BusWatchOptions {
  readonly contracts: Contracts
  readonly apps: readonly App[]
  readonly bus: Pick<Bus, 'connection' | 'events'>
  readonly logger: ServiceLogger
}

const CHANNEL_COLUMNS = ['publishedPerSecond'] as const
const CONSUMER_COLUMNS = ['lag', 'ackPending', 'handledPerSecond'] as const

export function createBusWatch({ contracts, apps, bus, logger }: BusWatchOptions): BusWatch {
  const looks = new BrokerLooks(bus.connection, contracts)
  const listeners = new Set<() => void>()
  const channels = new Map<string, History<(typeof CHANNEL_COLUMNS)[number]>>()
  const consumers = new Map<string, History<(typeof CONSUMER_COLUMNS)[number]>>()
  const moves: Moves = new Map()
  const ended = new AbortController()
  let connection: Connection = { state: 'disconnected', sinceMs: Date.now() }
  let look: BrokerLook | undefined
  let rates: Rates = NO_RATES
  let arrows: readonly Arrow[] = []
  let overview = toOverview({ contracts, apps, connection, look, rates, arrows })

  const refresh = (): void => {
    overview = toOverview({ contracts, apps, connection, look, rates, arrows })
    for (const listener of [...listeners]) listener()
  }
  const setConnection = (state: Connection['state'], detail?: string): void => {
    if (connection.state === state && connection.detail === detail) return
    const sinceMs = connection.state === state ? connection.sinceMs : Date.now()
    connection = { state, sinceMs, ...(detail !== undefined && { detail }) }
    refresh()
  }
  const remember = (): void => {
    if (!look) return
    for (const { name } of contracts.channels) {
      historyOf(channels, name, CHANNEL_COLUMNS).add(look.atMs, { publishedPerSecond: rates.published.get(name) ?? 0 })
    }
    for (const { shown } of arrows) historyOf(consumers, keyOf(shown), CONSUMER_COLUMNS).add(look.atMs, shown)
  }
  const lookOnce = async (): Promise<void> => {
    try {
      const now = await looks.look()
      if (ended.signal.aborted) return
      rates = ratesBetween(look, now)
      look = now
      arrows = arrowsOf(contracts, apps, now, rates, moves)
      remember()
      connection = connection.state === 'connected' ? connection : { state: 'connected', sinceMs: Date.now() }
      refresh()
    } catch (error) {
      if (ended.signal.aborted) return
      setConnection('disconnected', errorText(error))
      logger.debug({ event: 'lookFailed', error: errorText(error) }, 'the broker could not be looked at')
    }
  }
  const run = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      const nextAt = performance.now() + LOOK_MS
      if (bus.connection.state === 'connected') await lookOnce()
      else setConnection('disconnected', bus.connection.state)
      const restMs = Math.max(LOOK_MS / 10, nextAt - performance.now())
      await sleep(restMs, undefined, { signal: ended.signal }).catch(() => undefined)
    }
  }
  // Told at once, and not at the next look.
  bus.events.on('connectionStateChanged', ({ state }) => {
    if (state !== 'connected' && !ended.signal.aborted) setConnection('disconnected', state)
  })
  return {
    overview: () => overview,
    look: () => look,
    arrows: () => arrows,
    channelHistory: (channel) => (channels.get(channel) ?? new History(CHANNEL_COLUMNS, 1)).read(),
    consumerHistory: (stream, consumer) =>
      (consumers.get(keyOf({ stream, consumer })) ?? new History(CONSUMER_COLUMNS, 1)).read(),
    onChange(callback) {
      listeners.add(callback)
      return () => void listeners.delete(callback)
    },
    start: () => void run(),
    stop: () => ended.abort(),
  }
}

function historyOf<Column extends string>(
  histories: Map<string, History<Column>>,
  key: string,
  columns: readonly Column[],
): History<Column> {
  const known = histories.get(key)
  if (known) return known
  const [oldest] = histories.keys()
  if (histories.size >= MAX_CONSUMERS && oldest !== undefined) histories.delete(oldest)
  const history = new History(columns)
  histories.set(key, history)
  return history
}

function keyOf({ stream, consumer }: { readonly stream: string; readonly consumer: string }): string {
  return `${stream}/${consumer}`
}
