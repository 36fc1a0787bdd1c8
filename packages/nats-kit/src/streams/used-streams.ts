import type { Channel, Contracts } from '@alarm-bus/contracts'
import { onceStreamName } from './once-bucket.ts'
import { deadLetterStreamName, idempotencyStreamName, redriveStreamName } from './companion-streams.ts'

/** What an app does with channels. */
export interface StreamUse {
  readonly publishes: readonly Channel[]
  /** Whether it holds ids of a caller's to one message. */
  readonly idempotency: boolean
  readonly handles: readonly Channel[]
  /** Whether it records on the broker which messages it handled. */
  readonly onceOnly: boolean
}

/** The names of the streams that an app has to do with, companions among them, in the order of the declaration. */
export function usedStreams(contracts: Contracts, use: StreamUse): readonly string[] {
  return contracts.streams.flatMap(({ name, channels }) => {
    const publishes = use.publishes.some((channel) => channels.includes(channel))
    const handles = use.handles.some((channel) => channels.includes(channel))
    return [
      ...(publishes || handles ? [name] : []),
      ...(handles ? [deadLetterStreamName(name)] : []),
      ...(publishes && use.idempotency ? [idempotencyStreamName(name)] : []),
      ...(handles ? [redriveStreamName(name)] : []),
      ...(handles && use.onceOnly ? [onceStreamName(name)] : []),
    ]
  })
}

/** Where a stream is looked up. */
export function streamLookupSubject(stream: string): string {
  return `$JS.API.STREAM.INFO.${stream}`
}
