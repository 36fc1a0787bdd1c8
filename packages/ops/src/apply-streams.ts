import type { App, Consuming, Contracts, Stream } from '@alarm-bus/contracts'
import {
  type Connection,
  type ConnectionAuth,
  type ConnectionTls,
  ensureStreams,
  type FieldChange,
} from '@alarm-bus/nats-kit'
import { declaredConsumers } from '@alarm-bus/nats-kit/admin'
import { jetstreamManager } from '@nats-io/jetstream'
import { connectAdmin } from './connect-admin.ts'
import { changeConsumer } from './plan/change-consumer.ts'
import { observe } from './plan/observe.ts'
import { planConsumers } from './plan/plan-consumers.ts'
import type { FieldUpdate } from './plan/plan.ts'
import { untilAnswered } from './until-answered.ts'

/** What was done to one stream. */
export interface AppliedStream {
  readonly stream: string
  readonly action: 'none' | 'created' | 'updated'
  readonly changes: readonly FieldUpdate[]
}

export interface ApplyStreamsOptions {
  readonly streams: readonly Stream[]
  /** Whose consumers are made as well, in the streams of these contracts. */
  readonly consumers?: {
    readonly apps: readonly App[]
    readonly contracts: Contracts
    /** How they are deployed, where it is not as they declare. */
    readonly deployed?: Consuming
  }
  /** `nats://host:port`, without credentials. */
  readonly servers: readonly string[]
  readonly auth?: ConnectionAuth
  readonly tls?: ConnectionTls
  /** `apply` (default) creates and updates; `create` makes a difference of a stream an error. */
  readonly mode?: 'apply' | 'create'
  /** Copies of each stream. Not given: new streams get their declaration's, existing ones keep theirs. */
  readonly replicas?: number
  /** How long to wait for a broker that is away or not ready, in milliseconds. Default 30,000. */
  readonly waitMs?: number
  /** Told of each stream as soon as it is done, so that a later failure does not hide it. */
  readonly onApplied?: (applied: AppliedStream) => void
}

const CLOSE_TIMEOUT_MS = 2_000
const REQUEST_TIMEOUT_MS = 5_000

/**
 * Makes the broker's streams the declared ones, each with the kit's own beside it, without a plan that anybody looks at:
 * for brokers of development and tests. Everywhere else it is `pnpm ops plan` and `apply`.
 *
 * @returns one entry a stream, also for those that were right already.
 * @throws KitError `authentication_failed` at once; `broker_unavailable` when `waitMs` is over; else as `ensureStreams`.
 */
export async function applyStreams(options: ApplyStreamsOptions): Promise<readonly AppliedStream[]> {
  const { waitMs = 30_000 } = options
  const deadline = performance.now() + waitMs
  const connection = await connectAdmin(options, waitMs)
  try {
    const applied = await change(connection, deadline, options)
    if (options.consumers) await applyConsumers(connection, options.consumers, options.mode)
    return applied
  } finally {
    await connection.close(CLOSE_TIMEOUT_MS)
  }
}

async function change(
  connection: Connection,
  deadline: number,
  options: ApplyStreamsOptions,
): Promise<readonly AppliedStream[]> {
  // From the events, since a second attempt no longer sees what the first one did.
  const done = new Map<string, AppliedStream>()
  connection.events.on('streamChanged', ({ stream, action, changes }) => {
    const applied = { stream, action, changes: (changes as readonly FieldChange[]).map(toUpdate) }
    done.set(stream, applied)
    options.onApplied?.(applied)
  })
  const { mode = 'apply', replicas } = options
  const plans = await untilAnswered(deadline, () =>
    ensureStreams(connection, options.streams, {
      mode,
      watched: true,
      ...(replicas === undefined ? {} : { replicas }),
    }),
  )
  return plans.map(({ stream }) => {
    const applied = done.get(stream)
    if (applied) return applied
    const untouched: AppliedStream = { stream, action: 'none', changes: [] }
    options.onApplied?.(untouched)
    return untouched
  })
}

/** One that would have to be moved stays as it is: that takes a plan, and a person who reviews it. */
async function applyConsumers(
  { client }: Connection,
  { apps, contracts, deployed }: NonNullable<ApplyStreamsOptions['consumers']>,
  mode: ApplyStreamsOptions['mode'] = 'apply',
): Promise<void> {
  const manager = await jetstreamManager(client, { checkAPI: false, timeout: REQUEST_TIMEOUT_MS })
  const declared = apps.flatMap((app) => declaredConsumers(app, contracts, deployed))
  const observed = await observe(client, [...new Set(declared.map(({ stream }) => stream))])
  for (const change of planConsumers(declared, observed, undefined).changes) {
    const { consumer } = change as { readonly consumer?: string }
    const isDone = change.action === 'create' || (change.action === 'update' && mode === 'apply')
    if (consumer !== undefined && isDone) await changeConsumer(manager, { ...change, consumer }, declared, undefined)
  }
}

function toUpdate({ field, live, declared }: FieldChange): FieldUpdate {
  // JSON has no undefined, and a field that is left out would look forgotten.
  return { field, before: live ?? null, after: declared ?? null }
}
