export { connect, type ConnectContext } from './connection/connect.ts'
export type { Connection } from './connection/connection.ts'
export type { ConnectionAuth, ConnectionOptions, ConnectionTls } from './connection/options.ts'
export { errorText, KitError, KitErrorCode, type KitErrorOptions, type RemoteFailure } from './errors.ts'
export { type ConnectionState, type ConsumerState, type KitEventMap, KitEvents } from './events.ts'
export type { Bus, BusOptions, ReadyOptions } from './lifecycle/bus.ts'
export { createBus } from './lifecycle/create-bus.ts'
export type { ShutdownReport } from './lifecycle/shut-down.ts'
export type { Health, HealthCheck } from './health.ts'
export type { Logger } from './logger.ts'
export { CORE_PREFIX, createCorePublisher } from './publish/core-publisher.ts'
export {
  createJetStreamPublisher,
  type JetStreamPublisher,
  type JetStreamPublisherOptions,
} from './publish/jetstream-publisher.ts'
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
export { defineListener, type Listener, type ListenerContext, type ListenerOptions } from './core/listener.ts'
export { type ChannelReading, readChannel } from './reading/read-channel.ts'
export type { ReadContext, ReadItem } from './reading/read-item.ts'
export type { ReadOptions } from './reading/read-options.ts'
export type { ScheduleWhen } from './schedules/schedule-when.ts'
export type { ScheduleOptions, Scheduler, ScheduleReceipt, WaitingMessage } from './schedules/scheduler.ts'
export { createMessageRouter, type MessageRouter } from './publish/router.ts'
export type { StoredSenderOptions } from './publish/stored-ack.ts'
export { HeaderName } from './codec/headers.ts'
export { findTracer } from './tracing/find-tracer.ts'
export { inSpan, remoteParent } from './tracing/spans.ts'
export { readTraceHeaders } from './tracing/trace-headers.ts'
export { DeadLetterReason } from './dead-letters/dead-letter-reason.ts'
export { createKvOnceStore, type KvOnceStoreOptions } from './once/kv-once-store.ts'
export { kvOnceStore, type LateOnceStore } from './once/late-once-store.ts'
export { createMemoryOnceStore } from './once/memory-once-store.ts'
export { onceOnly, type OnceOnlyOptions } from './once/once-only.ts'
export type { OnceClaim, OnceKey, OnceRecord, OnceStore } from './once/once-store.ts'
export type { WatchedConsumer, WatchedStream, WatchLook } from './bus-watch/look-at-bus.ts'
export type { DeadLetterNotice } from './bus-watch/read-dead-letters.ts'
export {
  createStreamWatch,
  type DeadLettersRead,
  type StreamWatch,
  type StreamWatchOptions,
  type WatchPosition,
} from './bus-watch/stream-watch.ts'
export type { CursorPosition } from './bus-watch/watch-position.ts'
export { watchName } from './bus-watch/watch-consumer.ts'
export type { WatchLease } from './bus-watch/watch-lease.ts'
export type { StoredRecord } from './once/conditional-records.ts'
export type { WatchdogOptions } from './watchdog/options.ts'
export { WatchdogCondition } from './condition.ts'
export { ensureStreams, type EnsureStreamsOptions, type StreamMode } from './streams/ensure-streams.ts'
export type { FieldChange, StreamPlan } from './streams/plan.ts'
export type { ConnectionUser } from './handling/connection-user.ts'
export { defineHandler, type HandlerOptions, type MessageContext, type MessageHandler } from './handling/handler.ts'
export { instanceConsumerName, sharedConsumerName } from './consumers/consumer-name.ts'
export type { BatchContext, BatchMessage, BatchOutcome } from './handling/batch-message.ts'
export { handleMany, type HandleManyOptions } from './handling/handle-many.ts'
export { handleVersions } from './handling/handle-versions.ts'
export { DEFAULT_MAX_DELIVER, type SubscriberOptions } from './consumers/options.ts'
export type { StartAt } from './handling/start-at.ts'
export type { Resume } from './consumers/pauses.ts'
export type { AbandonedMessage } from './handling/message-processor.ts'
export type { RetryPolicy } from '@alarm-bus/contracts'
export { DEFAULT_RETRY_POLICY, type RetryDelay, retryDelayMs } from './handling/retry-policy.ts'
export { createSubscriber, type Subscriber } from './consumers/subscriber.ts'
export { DeadLetter, RetryLater } from './handling/handler-errors.ts'
export {
  createRequester,
  type RequestCallOptions,
  type Requester,
  type RequesterOptions,
} from './requests/requester.ts'
export { type MakeError, type RemoteErrorOf, remoteErrorOf, RequestFailed } from './requests/remote-error.ts'
export { defineResponder, type RequestContext, type Responder, type ResponderOptions } from './requests/responder.ts'
export { createResponders, type Responders } from './requests/responders.ts'
