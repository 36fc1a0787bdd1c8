import { ContractError } from './contract-error.ts'
import type { Channel } from './define-channel.ts'
import type { RequestContract } from './define-request.ts'
import type { RetryPolicy } from './retry-policy.ts'

const APP_NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/
const MAX_APP_NAME_CHARACTERS = 48
/** Instances of `DELIVERY=fan-out` that get permissions when an app says nothing else: 0, 1 and 2. */
const DEFAULT_FAN_OUT_INSTANCES = 3
const MAX_FAN_OUT_INSTANCES = 32

/**
 * How an app consumes, as far as its consumers on the broker are made of it. What is not said is the kit's default; a
 * deployment that runs the app otherwise (`MODE`, `DELIVERY`, `ACK_WAIT_MS`, `CONCURRENCY`) has to say it here, since
 * `pnpm ops apply` makes the consumers of what is declared.
 */
export interface Consuming {
  /** Default `pull`. */
  readonly mode?: 'pull' | 'push'
  /** Default `queue-group`: one consumer a channel. With `fan-out` each of `fanOutInstances` has its own. */
  readonly delivery?: 'queue-group' | 'fan-out'
  /** In milliseconds. Default 30,000. */
  readonly ackWaitMs?: number
  /** Default 16. */
  readonly concurrency?: number
}

/** A channel that an app handles, and what the teams may know of how. */
export interface HandledChannel {
  readonly channel: Channel
  /** Deliveries of a message, the first included. Default: the app's configuration. */
  readonly maxDeliver?: number
  /** Waits between deliveries. Default: the subscriber's. */
  readonly retry?: Partial<RetryPolicy>
  /** Where its consumer begins when it is made: with all that is stored, or with what comes then. Default `all`. */
  readonly startAt?: 'all' | 'new'
}

export interface AppOptions {
  /** In kebab case, the folder's name under `apps`: its user on the broker and its consumers are called after it. */
  readonly name: string
  /** One sentence for people: what the app does. */
  readonly description: string
  /** The team to ask. */
  readonly owner: string
  /** The channels that it may publish on. Default none. */
  readonly publishes?: readonly Channel[]
  /**
   * Those of the channels it publishes whose messages it schedules: later, or again and again. The channel's stream has
   * to list them as `scheduled`, and no other app may schedule them. Default none.
   */
  readonly schedules?: readonly Channel[]
  /** Whether it holds each id of a caller's to one message, which takes permissions of its own. Default false. */
  readonly idempotency?: boolean
  /** The channels that it handles; a channel alone stands for one without settings of its own. Default none. */
  readonly handles?: readonly (Channel | HandledChannel)[]
  /**
   * The channels that it reads without handling them. The broker cannot hold a reader to one channel: it may read all
   * that the channel's stream holds. Default none.
   */
  readonly reads?: readonly Channel[]
  /**
   * The channels whose messages at most once (`core.<subject>`) it hears; its instances share them. Default none.
   */
  readonly hears?: readonly Channel[]
  /** Whether it keeps in the stream's KV bucket which messages it handled, which takes permissions of its own. Default false. */
  readonly onceOnly?: boolean
  /**
   * Whether it watches the whole bus: that there are dead letters, how consumers stand, how full streams are. It takes
   * permissions of its own, which read no message. One app of a bus may. Default false.
   */
  readonly watchesBus?: boolean
  /** The requests that it may send to the apps that answer them. Default none. */
  readonly asks?: readonly RequestContract[]
  /** The requests that it answers, and no other app does; its instances share them. Default none. */
  readonly answers?: readonly RequestContract[]
  /** How many instances may run with `DELIVERY=fan-out`, numbered from 0. Default 3. */
  readonly fanOutInstances?: number
  /** How it consumes, where that is not the default. */
  readonly consuming?: Consuming
}

/** What an app says of itself: permissions, documents and checks are made from it. Plain data. */
export interface App {
  readonly name: string
  readonly description: string
  readonly owner: string
  readonly publishes: readonly Channel[]
  readonly schedules: readonly Channel[]
  readonly idempotency: boolean
  readonly handles: readonly HandledChannel[]
  readonly reads: readonly Channel[]
  readonly hears: readonly Channel[]
  readonly onceOnly: boolean
  readonly watchesBus: boolean
  readonly asks: readonly RequestContract[]
  readonly answers: readonly RequestContract[]
  readonly fanOutInstances: number
  readonly consuming: Consuming
}

/**
 * Declares an app: which channels it publishes on and which it handles, which requests it asks and which it answers.
 *
 * @throws ContractError naming the app, when a name, a number or a list cannot work.
 */
export function defineApp(options: AppOptions): App {
  const { name, description, owner, publishes = [], idempotency = false, onceOnly = false } = options
  const { asks = [], answers = [], reads = [], hears = [] } = options
  const { watchesBus = false, schedules = [] } = options
  const { fanOutInstances = DEFAULT_FAN_OUT_INSTANCES, consuming = {} } = options
  const refuse = (why: string): never => {
    throw new ContractError(`app ${JSON.stringify(name)}: ${why}`)
  }
  if (!APP_NAME.test(name) || name.length > MAX_APP_NAME_CHARACTERS)
    refuse(`the name must be kebab case (a-z, 0-9, "-"), at most ${MAX_APP_NAME_CHARACTERS} characters`)
  if (owner.trim() === '') refuse('owner is empty; name the team to ask')
  if (!Number.isSafeInteger(fanOutInstances) || fanOutInstances < 0 || fanOutInstances > MAX_FAN_OUT_INSTANCES)
    refuse(`fanOutInstances must be a whole number from 0 to ${MAX_FAN_OUT_INSTANCES}, not ${fanOutInstances}`)
  const handles = (options.handles ?? []).map((one): HandledChannel => ('channel' in one ? one : { channel: one }))
  if ([publishes, handles, asks, answers, reads, hears].every((list) => list.length === 0))
    refuse('it publishes, handles, asks, answers, reads and hears nothing')
  const twice = [publishes, handles.map(({ channel }) => channel), reads, hears, schedules]
    .map((channels) => firstTwice(channels.map((channel) => channel.name)))
    .find((found) => found !== undefined)
  if (twice !== undefined) refuse(`channel ${JSON.stringify(twice)} is declared twice`)
  const requestTwice = firstTwice(asks.map((one) => one.name)) ?? firstTwice(answers.map((one) => one.name))
  if (requestTwice !== undefined) refuse(`request ${JSON.stringify(requestTwice)} is declared twice`)
  const own = asks.find((one) => answers.includes(one))
  if (own) refuse(`it asks and answers request ${JSON.stringify(own.name)}; call the function that answers`)
  const unpublished = schedules.find((channel) => !publishes.includes(channel))
  if (unpublished)
    refuse(`it schedules channel ${JSON.stringify(unpublished.name)}, which it does not publish; add it to publishes`)
  if (idempotency && publishes.length === 0) refuse('it declares idempotency and publishes nothing')
  if (onceOnly && handles.length === 0) refuse('it declares onceOnly and handles nothing')
  for (const { channel, maxDeliver } of handles) {
    if (maxDeliver !== undefined && (!Number.isSafeInteger(maxDeliver) || maxDeliver < 1))
      refuse(`channel ${JSON.stringify(channel.name)}: maxDeliver must be a whole number from 1, not ${maxDeliver}`)
  }
  for (const field of ['ackWaitMs', 'concurrency'] as const) {
    const value = consuming[field]
    if (value !== undefined && (!Number.isSafeInteger(value) || value < 1))
      refuse(`consuming.${field} must be a whole number from 1, not ${value}`)
  }
  if (consuming.delivery === 'fan-out' && fanOutInstances === 0)
    refuse('it declares delivery "fan-out" and no instance; set fanOutInstances')
  return Object.freeze({
    name,
    description,
    owner,
    publishes,
    schedules,
    idempotency,
    handles,
    reads,
    hears,
    onceOnly,
    watchesBus,
    asks,
    answers,
    fanOutInstances,
    consuming,
  })
}

function firstTwice(names: readonly string[]): string | undefined {
  return names.find((name, index) => names.indexOf(name) !== index)
}
