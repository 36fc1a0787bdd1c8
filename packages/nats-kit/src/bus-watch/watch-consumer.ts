import type { Stream } from '@alarm-bus/contracts'
import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  JetStreamApiError,
  type JetStreamManager,
} from '@nats-io/jetstream'
import { KitError, KitErrorCode } from '../errors.ts'
import { JetStreamCode } from '../jetstream-codes.ts'
import { resetSubject } from '../consumers/passed-over.ts'
import { nextSubject } from '../sources/next-subject.ts'
import {
  deadLetterSharesStreamName,
  deadLetterShareSubject,
  deadLetterStreamName,
  deadLetterSubject,
  redriveStreamName,
} from '../streams/companion-streams.ts'
import { unanswered } from '../streams/unanswered.ts'
import { onceBucketName, onceSubjects } from '../streams/once-bucket.ts'

/** The durable beside a stream's dead letters through which an app that declares `watchesBus` reads their headers. */
export const WATCH_CONSUMER = 'dead-letter-watch'

/** A cursor, and the stream that it is a consumer of. */
export interface WatchCursor {
  readonly stream: string
  readonly config: Partial<ConsumerConfig>
}

/**
 * The cursors of one declared stream: of its dead letters, and of those that went to their consumers' shares because that
 * stream was full. They deliver header lines without bodies, and expect no ack. Whoever reads through them says where to
 * begin, so that nothing of a reader's is lost with them, and their deletion is mended by making them again.
 */
export function watchCursors({ name }: Pick<Stream, 'name'>): readonly [letters: WatchCursor, shares: WatchCursor] {
  const cursorOf = (stream: string, filter: string): WatchCursor => ({
    stream,
    config: {
      name: WATCH_CONSUMER,
      durable_name: WATCH_CONSUMER,
      description: `For the app that watches the dead letters of ${name}: headers, no bodies.`,
      filter_subject: filter,
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.All,
      headers_only: true,
      max_waiting: 16,
    },
  })
  return [
    // Letters, and not the parts of large ones, which have a token more.
    cursorOf(deadLetterStreamName(name), deadLetterSubject(name, '*', '*', '*')),
    cursorOf(deadLetterSharesStreamName(name), deadLetterShareSubject(name, '*')),
  ]
}

/** The fields without which it would show too much, or too little. */
const FIELDS = ['filter_subject', 'ack_policy', 'deliver_policy', 'headers_only'] as const

/** Whether a consumer is the cursor of some stream's dead letters. */
export function isWatchConsumer({ stream, consumer }: { readonly stream: string; readonly consumer: string }): boolean {
  const ends = [deadLetterStreamName(''), deadLetterSharesStreamName('')]
  return consumer === WATCH_CONSUMER && ends.some((end) => stream.endsWith(end))
}

/** Of a cursor as it is on the broker, what is not as it has to be. */
export function watchConsumerFaults({ config: wanted }: WatchCursor, live: Partial<ConsumerConfig>): readonly string[] {
  const faults = FIELDS.filter((field) => (live[field] ?? null) !== (wanted[field] ?? null))
  return live.deliver_subject === undefined ? faults : [...faults, 'deliver_subject']
}

/**
 * Makes a cursor. One that differs is made again: it holds nothing.
 *
 * @throws KitError `stream_refused`, `permission_denied` or `broker_unavailable`.
 */
export async function ensureWatchConsumer(manager: JetStreamManager, cursor: WatchCursor): Promise<'none' | 'created'> {
  const { stream, config } = cursor
  const called = `consumer ${WATCH_CONSUMER} of ${stream}`
  const live = await find(manager, stream, called)
  if (live && watchConsumerFaults(cursor, live).length === 0) return 'none'
  try {
    if (live) await manager.consumers.delete(stream, WATCH_CONSUMER)
    await manager.consumers.add(stream, config)
    return 'created'
  } catch (error) {
    if (!(error instanceof JetStreamApiError)) throw unanswered(`${called} cannot be made`, error)
    throw new KitError(KitErrorCode.StreamRefused, `the server refused ${called}: ${error.message}`, {
      cause: error,
      brokerCode: error.code,
    })
  }
}

async function find(
  manager: JetStreamManager,
  stream: string,
  called: string,
): Promise<Partial<ConsumerConfig> | undefined> {
  try {
    return (await manager.consumers.info(stream, WATCH_CONSUMER)).config
  } catch (error) {
    const gone: readonly number[] = [JetStreamCode.ConsumerNotFound, JetStreamCode.StreamNotFound]
    if (error instanceof JetStreamApiError && gone.includes(error.code)) return undefined
    throw unanswered(`${called} cannot be looked up`, error)
  }
}

/** The name under which an app keeps what its watch has to remember, as consumers have theirs in the KV bucket. */
export function watchName(app: string): string {
  return `${app}_watch`
}

/** Where a record of an app's watch is kept, in the stream's KV bucket. */
export function watchRecordSubject(stream: string, app: string, key: string): string {
  return `$KV.${onceBucketName(stream)}.${watchName(app)}.${key}`
}

/**
 * The subjects that an app publishes on to watch one stream, as permissions name them: the cursors of its dead letters,
 * how its consumers and those of its redriven messages stand, its own records. With the lookups of `usedStreams` that is
 * all. None reads a body, none removes anything, and none looks at a stream that has a subject for each message.
 */
export function watchSubjects({ name }: Pick<Stream, 'name'>, app: string): readonly string[] {
  return [
    ...watchCursors({ name }).flatMap(({ stream }) => [
      `$JS.API.CONSUMER.INFO.${stream}.${WATCH_CONSUMER}`,
      nextSubject(stream, WATCH_CONSUMER),
      resetSubject(stream, WATCH_CONSUMER),
    ]),
    ...watchedStreams(name).map((one) => `$JS.API.CONSUMER.LIST.${one}`),
    ...onceSubjects(name, watchName(app)),
  ]
}

/** The streams of which fill and consumers are watched. */
export function watchedStreams(stream: string): readonly string[] {
  return [stream, redriveStreamName(stream)]
}
