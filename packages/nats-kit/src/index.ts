export { connect, type ConnectContext } from './connection/connect.ts'
export type { Connection } from './connection/connection.ts'
export { inboxPrefixOf } from './connection/client-options.ts'
export type { ConnectionAuth, ConnectionOptions, ConnectionTls } from './connection/options.ts'
export { errorText, KitError, KitErrorCode, type KitErrorOptions } from './errors.ts'
export { type ConnectionState, type ConsumerState, type KitEventMap, KitEvents } from './events.ts'
export { type Bus, type BusOptions, type ShutdownReport, startBus } from './lifecycle/bus.ts'
export type { Health, HealthCheck } from './health.ts'
export type { Logger } from './logger.ts'
export { CORE_PREFIX, createCorePublisher } from './publish/core-publisher.ts'
export { withIdempotency, type IdempotentPublisherOptions } from './publish/idempotency.ts'
export { createJetStreamPublisher, type JetStreamPublisherOptions } from './publish/jetstream-publisher.ts'
export { MAX_BATCH_MESSAGES } from './publish/publish-many.ts'
export type {
  BatchReceipt,
  MessagePublisher,
  PublishManyOptions,
  PublishOptions,
  PublishReceipt,
  PublishStreamOptions,
  SentReceipt,
  StoredPublisher,
  StreamReceipt,
} from './publish/publisher.ts'
export { channelSubjects, idempotencySubjects } from './publish/publisher-subjects.ts'
export { createMessageRouter, type MessageRouter } from './publish/router.ts'
export type { StoredSenderOptions } from './publish/stored-ack.ts'
export { DeadLetterHeader, HeaderName } from './codec/headers.ts'
export type { DeadLetterEntry, StoredDeadLetter } from './dead-letters/dead-letter-entry.ts'
export type { DeadLetterFilter } from './dead-letters/dead-letter-filter.ts'
export { discardDeadLetters, type DiscardOptions, type DiscardReport } from './dead-letters/discard-dead-letters.ts'
export { listDeadLetters, showDeadLetter } from './dead-letters/list-dead-letters.ts'
export {
  redriveDeadLetters,
  type RedriveOptions,
  type RedriveOutcome,
  type RedriveReport,
  RedriveSkip,
} from './redrive/redrive-dead-letters.ts'
export { RedriveHeader } from './redrive/redrive-headers.ts'
export {
  advisoryStreamName,
  deadLetterStreamName,
  deadLetterSubject,
  idempotencyStreamName,
  redriveStreamName,
  withCompanions,
} from './streams/companion-streams.ts'
export { DeadLetterReason } from './dead-letters/dead-letter.ts'
export { type DeclaredConsumer, declaredConsumers } from './consumers/declared-consumers.ts'
export { findOrphans, type FindOrphansOptions, type Orphan, OrphanReason } from './consumers/find-orphans.ts'
export { pruneConsumers, type PrunedConsumer, type PruneOptions } from './consumers/prune-consumers.ts'
export { createKvOnceStore, type KvOnceStoreOptions } from './once/kv-once-store.ts'
export { kvOnceStore, type LateOnceStore } from './once/late-once-store.ts'
export { createMemoryOnceStore } from './once/memory-once-store.ts'
export { onceBucketName, onceSubjects } from './streams/once-bucket.ts'
export { onceOnly, type OnceOnlyOptions } from './once/once-only.ts'
export type { OnceClaim, OnceKey, OnceStore } from './once/once-store.ts'
export type { WatchdogOptions } from './watchdog/options.ts'
export { WatchdogCondition } from './condition.ts'
export { ensureStreams, type EnsureStreamsOptions, type StreamMode } from './streams/ensure-streams.ts'
export { streamLookupSubject, type StreamUse, usedStreams } from './streams/used-streams.ts'
export { INCARNATION_KEY, incarnationOf, isMigrating, MIGRATING_KEY } from './streams/incarnation.ts'
export { configHash } from './streams/config-hash.ts'
export { taggedHash } from './streams/stream-tag.ts'
export { describeChange, type FieldChange, planStream, type StreamPlan } from './streams/plan.ts'
export type { DeclaredStreamConfig } from './streams/to-stream-config.ts'
export type { ConnectionUser } from './handling/connection-user.ts'
export { type ConsumerPlace, consumerSubjects } from './consumers/consumer-subjects.ts'
export { defineHandler, type HandlerOptions, type MessageContext, type MessageHandler } from './handling/handler.ts'
export { instanceConsumerName, sharedConsumerName } from './consumers/consumer-name.ts'
export { handleVersions } from './handling/handle-versions.ts'
export { DEFAULT_MAX_DELIVER, type SubscriberOptions } from './consumers/options.ts'
export type { StartAt } from './consumers/start-at.ts'
export type { Resume } from './consumers/pauses.ts'
export type { AbandonedMessage } from './handling/process-message.ts'
export type { RetryPolicy } from '@alarm-bus/contracts'
export { DEFAULT_RETRY_POLICY, type RetryDelay, retryDelayMs } from './handling/retry-policy.ts'
export { createSubscriber, type Subscriber } from './consumers/subscriber.ts'
export { DeadLetter, RetryLater } from './handling/verdicts.ts'
