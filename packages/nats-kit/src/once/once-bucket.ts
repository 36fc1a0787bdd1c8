import type { Stream } from '@alarm-bus/contracts'
import { DiscardPolicy, JetStreamApiError, jetstreamManager, RetentionPolicy, StorageType } from '@nats-io/jetstream'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { unanswered } from '../streams/ensure-streams.ts'
import type { OnceKey } from './once-store.ts'

/** The server's code for a stream that exists with another configuration. */
const STREAM_EXISTS = 10058
const NANOS_PER_MS = 1_000_000
/** As long as dead letters are kept: one that is redriven is the same message. */
const DEAD_LETTERS_MS = 28 * 24 * 60 * 60 * 1_000

/** The KV bucket that remembers which messages of a stream were handled. */
export function onceBucketName(stream: string): string {
  return `${stream}_ONCE`
}

/** `$KV.<stream>_ONCE.<consumer>.<sequence>.<milliseconds when it was stored>`: an app is held to its own consumers. */
export function onceSubject({ stream, consumer, seq, storedAt }: OnceKey): string {
  return `$KV.${onceBucketName(stream)}.${consumer}.${seq}.${storedAt.getTime()}`
}

/** Where the record on one of these subjects is asked for. */
export function onceLookupSubject(stream: string, subject: string): string {
  return `$JS.API.DIRECT.GET.KV_${onceBucketName(stream)}.${subject}`
}

/** The subjects that `createKvOnceStore` publishes on for one consumer, as permissions name them. */
export function onceSubjects(stream: string, consumer: string): readonly string[] {
  const records = `$KV.${onceBucketName(stream)}.${consumer}.>`
  return [records, onceLookupSubject(stream, records)]
}

export interface OnceBucketOptions {
  /** Copies in a cluster. Default 1. */
  readonly replicas?: number
  /** A record takes about 200 bytes. A full bucket refuses new ones, and messages wait. Default 256 MiB. */
  readonly maxBytes?: number
}

/**
 * Makes the bucket, or makes the one that is there right. An administrator's step, like applying streams. Records stay
 * for as long as the stream keeps a message and its dead letter: no delivery comes later than that.
 *
 * @throws KitError `stream_refused`, `permission_denied`, `broker_unavailable`.
 */
export async function ensureOnceBucket(
  connection: Connection,
  stream: Stream,
  options: OnceBucketOptions = {},
): Promise<void> {
  const bucket = onceBucketName(stream.name)
  const config = {
    name: `KV_${bucket}`,
    description: `Which messages of ${stream.name} were handled.`,
    subjects: [`$KV.${bucket}.>`],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    // A record that is dropped would let a message be handled again, so a full bucket refuses the next one.
    discard: DiscardPolicy.New,
    max_msgs_per_subject: 1,
    max_age: (stream.maxAgeMs + DEAD_LETTERS_MS) * NANOS_PER_MS,
    max_bytes: options.maxBytes ?? 256 * 1024 * 1024,
    max_msg_size: 1_024,
    allow_direct: true,
    allow_msg_ttl: true,
    allow_rollup_hdrs: true,
    deny_delete: true,
    num_replicas: options.replicas ?? 1,
  }
  try {
    const manager = await jetstreamManager(connection.client, { checkAPI: false, timeout: 5_000 })
    await manager.streams.add(config).catch((error: unknown) => {
      if (!(error instanceof JetStreamApiError && error.code === STREAM_EXISTS)) throw error
      return manager.streams.update(config.name, config)
    })
  } catch (error) {
    if (!(error instanceof JetStreamApiError)) throw unanswered(`bucket ${bucket} cannot be made`, error)
    throw new KitError(KitErrorCode.StreamRefused, `the server refused bucket ${bucket}: ${error.message}`, {
      cause: error,
      brokerCode: error.code,
    })
  }
}
