export { inboxPrefixOf } from './connection/client-options.ts'
export { DeadLetterHeader } from './codec/headers.ts'
export type { DeadLetterEntry, StoredDeadLetter } from './dead-letters/dead-letter-entry.ts'
export type { DeadLetterFilter } from './dead-letters/dead-letter-filter.ts'
export { discardDeadLetters, type DiscardOptions, type DiscardReport } from './dead-letters/discard-dead-letters.ts'
export { type DeadLetterContent, storeDeadLetter } from './dead-letters/store-dead-letter.ts'
export { storedOriginal } from './dead-letters/stored-original.ts'
export { StoredSender } from './publish/stored-sender.ts'
export { readHeaderBlock, type HeaderBlock } from './codec/header-block.ts'
export { listDeadLetters, showDeadLetter } from './dead-letters/list-dead-letters.ts'
export {
  redriveDeadLetters,
  type RedriveOptions,
  type RedriveOutcome,
  type RedriveReport,
  RedriveSkip,
} from './redrive/redrive-dead-letters.ts'
export { copiesWithoutReader, type CopiesWithoutReader } from './redrive/copies-without-reader.ts'
export { originalOfCopy } from './redrive/redriven-message.ts'
export { RedriveHeader } from './dead-letters/redrive-headers.ts'
export { OF_DECLARATION_KEY } from './consumers/consumer-beginning.ts'
export { type ConsumerPlace, consumerSubjects } from './consumers/consumer-subjects.ts'
export { type DeclaredConsumer, declaredConsumers } from './consumers/declared-consumers.ts'
export { findOrphans, type FindOrphansOptions, type Orphan, OrphanReason } from './consumers/find-orphans.ts'
export { pruneConsumers, type PrunedConsumer, type PruneOptions } from './consumers/prune-consumers.ts'
export { storedAnswerSubjects, storedRequestSubjects } from './streams/answer-stream.ts'
export { requestSubjects, responderSubscription } from './requests/request-subjects.ts'
export { channelSubjects, idempotencySubjects } from './publish/publisher-subjects.ts'
export {
  deadLetterShareSubject,
  deadLetterSharesStreamName,
  deadLetterStreamName,
  deadLetterSubject,
  idempotencyStreamName,
  redriveConsumerName,
  redriveFilter,
  redriveStreamName,
  withCompanions,
} from './streams/companion-streams.ts'
export {
  ensureWatchConsumer,
  isWatchConsumer,
  WATCH_CONSUMER,
  type WatchCursor,
  watchConsumerFaults,
  watchCursors,
  watchSubjects,
} from './bus-watch/watch-consumer.ts'
export { listConsumers, listStreams } from './streams/list-all.ts'
export { lookAtStream } from './operating/look-at-stream.ts'
export { operateSubjects } from './operating/operate-subjects.ts'
export { advisoryStreamName } from './streams/advisory-stream.ts'
export { listenerSubject } from './core/listener-subjects.ts'
export { readSubjects } from './reading/read-subjects.ts'
export { listWaiting } from './schedules/list-schedules.ts'
export { dueConsumerName, dueSubject, schedulesStreamName, scheduleSubject } from './schedules/schedule-subjects.ts'
export { schedulingSubjects } from './schedules/scheduling-permissions.ts'
export { configHash } from './streams/config-hash.ts'
export { INCARNATION_KEY, incarnationOf, isMigrating, MIGRATING_KEY, migrationName } from './streams/incarnation.ts'
export { noteSubjects, onceBucketName, onceSubjects } from './streams/once-bucket.ts'
export { describeChange, type FieldChange, planStream, type PlanOptions, type StreamPlan } from './streams/plan.ts'
export { covers } from './streams/subjects.ts'
export { taggedHash } from './streams/stream-tag.ts'
export type { DeclaredStreamConfig } from './streams/to-stream-config.ts'
export { streamLookupSubject, type StreamUse, usedStreams } from './streams/used-streams.ts'
