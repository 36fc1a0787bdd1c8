import type { Stream } from '@alarm-bus/contracts'
import { DiscardPolicy, RetentionPolicy, StorageType, type StreamConfig } from '@nats-io/jetstream'

/** The fields of a server's stream that the kit declares; the server's other fields are left to it. */
export type DeclaredStreamConfig = Pick<
  StreamConfig,
  | 'name'
  | 'description'
  | 'subjects'
  | 'storage'
  | 'retention'
  | 'discard'
  | 'max_age'
  | 'max_msgs'
  | 'max_bytes'
  | 'max_msg_size'
  | 'num_replicas'
  | 'duplicate_window'
  | 'allow_msg_ttl'
  | 'allow_direct'
  | 'max_msgs_per_subject'
> &
  Partial<
    Pick<
      StreamConfig,
      'allow_atomic' | 'allow_batched' | 'allow_msg_schedules' | 'discard_new_per_subject' | 'metadata'
    >
  >

/** The server counts durations in nanoseconds. */
const nanos = (ms: number): number => ms * 1_000_000

/** The stream of a declaration, with its own number of replicas unless a deployment says otherwise. */
export function toStreamConfig(stream: Stream, replicas: number = stream.replicas): DeclaredStreamConfig {
  return {
    name: stream.name,
    description: stream.description,
    subjects: stream.channels.map((channel) => channel.subject).sort(),
    storage: stream.storage === 'file' ? StorageType.File : StorageType.Memory,
    retention: RetentionPolicy.Limits,
    discard: stream.discard === 'old' ? DiscardPolicy.Old : DiscardPolicy.New,
    max_age: nanos(stream.maxAgeMs),
    max_msgs: stream.maxMessages,
    max_bytes: stream.maxBytes,
    max_msg_size: stream.maxMessageBytes,
    num_replicas: replicas,
    duplicate_window: nanos(stream.duplicateWindowMs),
    allow_msg_ttl: stream.allowMessageTtl,
    // Publishers store many messages at a time; the companions are written one by one.
    allow_atomic: true,
    allow_batched: true,
    // Reading takes no consumer.
    allow_direct: true,
    max_msgs_per_subject: -1,
  }
}
