import type { Channel, Contracts } from '@alarm-bus/contracts'
import { schedulesStreamName, scheduleSubject } from '../schedules/schedule-subjects.ts'
import { onceStreamName, onceSubject } from './once-bucket.ts'
import {
  deadLetterStreamName,
  deadLetterSubject,
  idempotencyStreamName,
  idempotencySubject,
  redriveStreamName,
} from './companion-streams.ts'

/** What an app does with channels. */
export interface StreamUse {
  readonly publishes: readonly Channel[]
  readonly handles: readonly Channel[]
  /** The channels that it reads without handling them. Default none. */
  readonly reads?: readonly Channel[]
  /** Whether it watches every stream of the bus. Default false. */
  readonly watchesBus?: boolean
}

/** The names of the streams that an app looks up, in the order of the declaration. Their subjects are few. */
export function usedStreams(contracts: Contracts, use: StreamUse): readonly string[] {
  return contracts.streams.flatMap(({ name, channels }) => {
    const publishes = use.publishes.some((channel) => channels.includes(channel))
    const handles = use.handles.some((channel) => channels.includes(channel))
    const reads = use.reads?.some((channel) => channels.includes(channel)) === true
    const watches = use.watchesBus === true
    return [
      ...(publishes || handles || reads || watches ? [name] : []),
      ...(handles || watches ? [redriveStreamName(name)] : []),
    ]
  })
}

/** What an app writes beside the messages of its channels. */
export interface ProbedUse extends StreamUse {
  /** Whether it holds ids of a caller's to one message. */
  readonly idempotency: boolean
  /** The channels that it schedules. */
  readonly schedules: readonly Channel[]
  /** Whether it records on the broker which messages it handled. */
  readonly onceOnly: boolean
  readonly consumerOf: (channel: Channel) => string
}

/**
 * The streams that an app only writes to, each with a subject of the app's own on which it is asked whether it is there.
 * They have a subject for each message, so a look that asks for all of them holds up the requests of every app.
 */
export function probedStreams(contracts: Contracts, use: ProbedUse): Readonly<Record<string, string>> {
  const entries = contracts.streams.flatMap(({ name: stream, channels }): [string, string][] => {
    const publishes = use.publishes.some((channel) => channels.includes(channel))
    const handled = use.handles.find((channel) => channels.includes(channel))
    const consumer = handled && use.consumerOf(handled)
    return [
      ...(consumer ? [[deadLetterStreamName(stream), deadLetterSubject(stream, consumer, 0, '0')] as const] : []),
      ...(publishes && use.idempotency
        ? [[idempotencyStreamName(stream), idempotencySubject(stream, 'probe')] as const]
        : []),
      ...use.schedules
        .filter((channel) => channels.includes(channel))
        .map(({ name: channel }): readonly [string, string] => [
          schedulesStreamName(stream, channel),
          scheduleSubject(stream, channel, 'probe', 'probe', 0),
        ]),
      ...(consumer && use.onceOnly
        ? [[onceStreamName(stream), onceSubject({ stream, consumer, seq: 0, storedAt: new Date(0) })] as const]
        : []),
    ].map(([name, subject]) => [name, subject])
  })
  return Object.fromEntries(entries)
}

/** Where a stream is looked up. */
export function streamLookupSubject(stream: string): string {
  return `$JS.API.STREAM.INFO.${stream}`
}
