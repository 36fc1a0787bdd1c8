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
  deadLetterStreamName,
  deadLetterSubject,
  redriveStreamName,
  withCompanions,
} from '../streams/companion-streams.ts'
import { unanswered } from '../streams/unanswered.ts'
import { onceBucketName, onceSubjects } from '../streams/once-bucket.ts'

/** The durable beside a stream's dead letters through which an app that declares `watchesBus` reads their headers. */
export const WATCH_CONSUMER = 'dead-letter-watch'

/**
 * A cursor and no more: it delivers header lines without bodies, and expects no ack. Whoever reads through it says where
 * to begin, so that nothing of a reader's is lost with it, and its deletion is mended by making it again.
 */
export function watchConsumerConfig({ name }: Pick<Stream, 'name'>): Partial<ConsumerConfig> {
  return {
    name: WATCH_CONSUMER,
    durable_name: WATCH_CONSUMER,
    description: `For the app that watches the dead letters of ${name}: headers, no bodies.`,
    // Letters, and not the parts of large ones, which have a token more.
    filter_subject: deadLetterSubject(name, '*', '*', '*'),
    ack_policy: AckPolicy.None,
    deliver_policy: DeliverPolicy.All,
    headers_only: true,
    max_waiting: 16,
  }
}

/** The fields without which it would show too much, or too little. */
const FIELDS = ['filter_subject', 'ack_policy', 'deliver_policy', 'headers_only'] as const

/** Whether it is the cursor of some stream's dead letters. */
export function isWatchConsumer({ stream, consumer }: { readonly stream: string; readonly consumer: string }): boolean {
  return consumer === WATCH_CONSUMER && stream.endsWith(deadLetterStreamName(''))
}

/** Of a consumer as it is on the broker, what is not as it has to be. */
export function watchConsumerFaults(stream: Pick<Stream, 'name'>, live: Partial<ConsumerConfig>): readonly string[] {
  const wanted = watchConsumerConfig(stream)
  const faults = FIELDS.filter((field) => (live[field] ?? null) !== (wanted[field] ?? null))
  return live.deliver_subject === undefined ? faults : [...faults, 'deliver_subject']
}

/**
 * Makes the consumer. One that differs is made again: it holds nothing.
 *
 * @throws KitError `stream_refused`, `permission_denied` or `broker_unavailable`.
 */
export async function ensureWatchConsumer(
  manager: JetStreamManager,
  stream: Pick<Stream, 'name'>,
): Promise<'none' | 'created'> {
  const of = deadLetterStreamName(stream.name)
  const called = `consumer ${WATCH_CONSUMER} of ${of}`
  const live = await find(manager, of, called)
  if (live && watchConsumerFaults(stream, live).length === 0) return 'none'
  try {
    if (live) await manager.consumers.delete(of, WATCH_CONSUMER)
    await manager.consumers.add(of, watchConsumerConfig(stream))
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
 * The subjects that an app publishes on to watch one stream, as permissions name them: the cursor of its dead letters,
 * how its consumers and those of its redriven messages stand, its own records. With the lookups of `watchedStreams` that
 * is all. None reads a body, and none removes anything.
 */
export function watchSubjects({ name }: Pick<Stream, 'name'>, app: string): readonly string[] {
  const letters = deadLetterStreamName(name)
  return [
    `$JS.API.CONSUMER.INFO.${letters}.${WATCH_CONSUMER}`,
    nextSubject(letters, WATCH_CONSUMER),
    resetSubject(letters, WATCH_CONSUMER),
    ...consumerListsOf(name).map((one) => `$JS.API.CONSUMER.LIST.${one}`),
    ...onceSubjects(name, watchName(app)),
  ]
}

/** The streams whose fill is watched: the stream and all that is beside it. */
export function watchedStreams(stream: Stream): readonly string[] {
  return withCompanions(stream).map(({ name }) => name)
}

/** The streams whose consumers are watched. */
export function consumerListsOf(stream: string): readonly string[] {
  return [stream, redriveStreamName(stream)]
}
