import type { App, Contracts } from '@alarm-bus/contracts'
import { type DeclaredConsumer, declaredConsumers, redriveConsumerName } from '@alarm-bus/nats-kit/admin'
import type { ConsumerState, HandleArrow, Health } from '../api.ts'
import type { BrokerLook, ConsumerInfo, StreamLook } from './look-at-broker.ts'
import type { Rates } from './rates.ts'

/** Without a move for so long, with messages to handle, a consumer is said to stand still. */
const STALLED_MS = 60_000

/** When a consumer's position last moved, by `<stream>/<consumer>`. */
export type Moves = Map<string, { readonly position: string; readonly sinceMs: number }>

/** A declared consumer that there is, or that has to be. */
export interface Arrow {
  readonly declared: DeclaredConsumer
  readonly info: ConsumerInfo | undefined
  readonly isStalled: boolean
  readonly shown: HandleArrow
}

export function arrowsOf(
  contracts: Contracts,
  apps: readonly App[],
  look: BrokerLook,
  rates: Rates,
  moves: Moves,
): readonly Arrow[] {
  const declared = apps.flatMap((app) => declaredConsumers(app, contracts)).filter(({ takes }) => takes === 'messages')
  const streams = new Map(look.streams.map((one) => [one.stream.name, one]))
  const lives = (one: DeclaredConsumer): boolean => streams.get(one.stream)?.consumers.has(one.name) === true
  return declared.flatMap((one) => {
    const others = declared.filter(({ app, channel }) => app === one.app && channel === one.channel)
    const isNeeded = one.wanted === 'always' || (one.wanted === 'unless another' && !others.some(lives))
    if (!lives(one) && !isNeeded) return []
    return [arrowOf(one, streams.get(one.stream), look.atMs, rates, moves)]
  })
}

function arrowOf(
  declared: DeclaredConsumer,
  stream: StreamLook | undefined,
  atMs: number,
  rates: Rates,
  moves: Moves,
): Arrow {
  const info = stream?.consumers.get(declared.name)
  const redriver = stream?.redrivers.get(redriveConsumerName(declared.name))
  const key = `${declared.stream}/${declared.name}`
  const state = info ? stateOf(info) : 'missing'
  const sinceMs = info ? movedAt(moves, key, info, atMs) : atMs
  const waits = info !== undefined && info.num_pending + info.num_ack_pending > 0
  const isStalled = waits && (state === 'running' || state === 'busy') && atMs - sinceMs >= STALLED_MS
  const deadLetters = stream?.letters.get(declared.name) ?? 0
  // A time in ISO 8601; the client's type says a number.
  const last: unknown = info?.delivered.last_active
  const shown: HandleArrow = {
    app: declared.app,
    channel: declared.channel,
    stream: declared.stream,
    consumer: declared.name,
    state,
    lag: info?.num_pending ?? 0,
    ackPending: info?.num_ack_pending ?? 0,
    redelivered: info?.num_redelivered ?? 0,
    handledPerSecond: rates.handled.get(key) ?? 0,
    deadLetters,
    redriving: redriver ? redriver.num_pending + redriver.num_ack_pending : 0,
    lastDeliveredMs: last === undefined ? null : Date.parse(String(last)),
    health: healthOf(state, info?.num_pending ?? 0, deadLetters, isStalled),
  }
  return { declared, info, isStalled, shown }
}

function stateOf(info: ConsumerInfo): ConsumerState {
  if (info.paused) return 'paused'
  if (info.num_waiting > 0 || info.push_bound) return 'running'
  return info.num_ack_pending > 0 ? 'busy' : 'not_running'
}

function healthOf(state: ConsumerState, lag: number, deadLetters: number, isStalled: boolean): Health {
  if (state === 'missing' || isStalled || (state === 'not_running' && lag > 0)) return 'error'
  return state === 'paused' || state === 'not_running' || deadLetters > 0 ? 'warning' : 'ok'
}

function movedAt(moves: Moves, key: string, info: ConsumerInfo, atMs: number): number {
  const position = `${info.created} ${info.delivered.consumer_seq} ${info.ack_floor.consumer_seq} ${info.num_ack_pending}`
  const known = moves.get(key)
  if (known?.position === position) return known.sinceMs
  moves.set(key, { position, sinceMs: atMs })
  return atMs
}
