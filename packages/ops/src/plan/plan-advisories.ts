import type { Channel, Contracts } from '@alarm-bus/contracts'
import { advisoryStreamName } from '@alarm-bus/nats-kit/admin'
import type { ConsumerInfo, StreamInfo } from '@nats-io/jetstream'
import type { Declared } from './declared.ts'
import type { Observed } from './observe.ts'
import type { Change, Note } from './plan.ts'

/** A reader that an advisory was given to so lately counts as one that runs. */
const LATELY_MS = 60_000
const ADVISORY_PREFIX = '$JS.EVENT.ADVISORY.CONSUMER.'
/** Consumers that kits make beside an app's own, and that `apply` makes for a while. */
const BESIDE = new Set(['advisories', 'redrive', 'recover', 'moving'])

/**
 * Kits before 1.0 let the server give up messages and kept its advisories in a stream, `<stream>_ADVISORIES`. What one
 * still holds is for `apply` to act on, once none of their instances does. Nothing where there are none.
 */
export function planAdvisories(
  { contracts, consumers }: Pick<Declared, 'contracts' | 'consumers'>,
  observed: Observed,
  /** Whether there is a user that may. */
  canRetire: boolean,
): { readonly changes: readonly Change[]; readonly notes: readonly Note[] } {
  const changes: Change[] = []
  const notes: Note[] = []
  for (const { of, info } of advisoryStreamsOf(contracts, observed)) {
    const stream = info.config.name
    const advisories = info.state.messages
    const readers = readersOf(observed.consumers.filter(({ stream_name: name }) => name === stream))
    if (consumers === undefined || !canRetire || readers.length > 0)
      notes.push({ kind: 'not_retired', stream, readers, advisories })
    else
      changes.push({
        action: 'retire',
        stream,
        of,
        advisories,
        unlimited: limitedOf(contracts, of, observed.consumers),
      })
  }
  return { changes, notes }
}

/** Those that are on the broker, each with the declared stream beside which it is. */
export function advisoryStreamsOf(
  contracts: Contracts,
  { streams }: Pick<Observed, 'streams'>,
): readonly { readonly of: string; readonly info: StreamInfo }[] {
  return contracts.streams.flatMap(({ name: of }) => {
    const info = streams.get(advisoryStreamName(of))
    // Another stream of that name belongs to no app.
    const isOne = info?.config.subjects?.every((subject) => subject.startsWith(ADVISORY_PREFIX)) ?? false
    return info && isOne ? [{ of, info }] : []
  })
}

/** Which of the consumers have a reader: one that asks for advisories, or was given one a moment ago. */
export function readersOf(consumers: readonly ConsumerInfo[]): readonly string[] {
  return consumers
    .filter(({ num_waiting, push_bound, ts, delivered }) => {
      const last = delivered.last_active as unknown as string | undefined
      const isLate = last !== undefined && Date.parse(String(ts)) - Date.parse(last) < LATELY_MS
      return num_waiting > 0 || push_bound === true || isLate
    })
    .map(({ name }) => name)
}

/** Apps' consumers of which the server gives up messages. */
export function limitedOf(
  contracts: Contracts,
  stream: string,
  consumers: readonly ConsumerInfo[],
): readonly { readonly consumer: string; readonly maxDeliver: number }[] {
  return consumers.flatMap(({ stream_name, name: consumer, config: { max_deliver: maxDeliver = -1 } }) =>
    stream_name === stream && maxDeliver > 0 && channelOf(contracts, stream, consumer)
      ? [{ consumer, maxDeliver }]
      : [],
  )
}

/** What an app's consumer handles, told by its name: `<app>_<channel>`, `<app>_<channel>_<instance>`; none is another's. */
export function channelOf(contracts: Contracts, stream: string, consumer: string): Channel | undefined {
  const [app, channel, instance, ...more] = consumer.split('_')
  if (!app || instance === '' || more.length > 0 || (instance !== undefined && BESIDE.has(instance))) return undefined
  return contracts.channels.find((one) => one.name === channel && contracts.streamOf(one).name === stream)
}
