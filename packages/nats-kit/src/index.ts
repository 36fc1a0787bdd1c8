export { connect, type ConnectContext } from './connection/connect.ts'
export type { Connection } from './connection/connection.ts'
export type { ConnectionAuth, ConnectionOptions, ConnectionTls } from './connection/options.ts'
export { errorText, KitError, KitErrorCode, type KitErrorOptions } from './errors.ts'
export { type ConnectionState, type ConsumerState, type KitEventMap, KitEvents } from './events.ts'
export { type Bus, type BusOptions, type ShutdownReport, startBus } from './lifecycle/bus.ts'
export type { Health, HealthCheck } from './lifecycle/health.ts'
export type { Logger } from './logger.ts'
export { CORE_PREFIX, createCorePublisher } from './publish/core-publisher.ts'
export { withIdempotency, type IdempotentPublisherOptions } from './publish/idempotency.ts'
export { createJetStreamPublisher, type JetStreamPublisherOptions } from './publish/jetstream-publisher.ts'
export type { MessagePublisher, PublishOptions, PublishReceipt, SentReceipt } from './publish/publisher.ts'
export { createMessageRouter, type MessageRouter } from './publish/router.ts'
export type { StoredSenderOptions } from './publish/stored-sender.ts'
export { DeadLetterHeader, HeaderName } from './codec/headers.ts'
export {
  advisoryStreamName,
  deadLetterStreamName,
  deadLetterSubject,
  idempotencyStreamName,
  withCompanions,
} from './streams/companion-streams.ts'
export { DeadLetterReason } from './subscribe/dead-letter.ts'
export { ensureStreams, type EnsureStreamsOptions, type StreamMode } from './streams/ensure-streams.ts'
export { describeChange, type FieldChange, planStream, type StreamPlan } from './streams/plan.ts'
export type { DeclaredStreamConfig } from './streams/to-stream-config.ts'
export { defineHandler, type HandlerOptions, type MessageContext, type MessageHandler } from './subscribe/handler.ts'
export type { SubscriberOptions } from './subscribe/options.ts'
export type { AbandonedMessage } from './subscribe/process-message.ts'
export { DEFAULT_RETRY_POLICY, type RetryDelay, type RetryPolicy, retryDelayMs } from './subscribe/retry-policy.ts'
export { createSubscriber, type Subscriber } from './subscribe/subscriber.ts'
export { DeadLetter, RetryLater } from './subscribe/verdicts.ts'
